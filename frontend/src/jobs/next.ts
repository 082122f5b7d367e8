/** The one thing that is best done next, from what the project has. */
import type { Role } from "../app/who";

export interface Situation {
  role: Role;
  chips: number;
  vectors: number;
  tasks: readonly { id: string; question: string; slots: number; done: number; opinions: number }[];
  /** Kinds of jobs that are waiting or running. */
  open: readonly string[];
}

export type Step =
  | { kind: "imagery" | "find" | "wait" | "watch" }
  | { kind: "embed"; missing: number }
  | { kind: "label" | "export"; task: string; question: string };

export function nextStep({ role, chips, vectors, tasks, open }: Situation): Step {
  const curates = role === "curator" || role === "owner";
  const labels = role !== "viewer";
  const embedding = open.some((kind) => kind === "embed" || kind === "demo");
  if (chips === 0) {
    if (open.some((kind) => ["download", "import", "demo"].includes(kind))) return { kind: "watch" };
    return { kind: curates ? "imagery" : "wait" };
  }
  if (curates && vectors < chips && !embedding) return { kind: "embed", missing: chips - vectors };
  if (curates && vectors === 0) return { kind: "watch" };
  const unfinished = tasks.find(({ slots, done }) => done < slots);
  if (unfinished && labels) return { kind: "label", task: unfinished.id, question: unfinished.question };
  const finished = tasks.find(({ opinions }) => opinions > 0);
  if (finished && curates) return { kind: "export", task: finished.id, question: finished.question };
  if (vectors > 0 && (curates || tasks.length === 0)) return { kind: "find" };
  return { kind: "wait" };
}
