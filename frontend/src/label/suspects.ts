/** Labels that the model contradicts most: mistakes, or pictures from which it could learn most. */
import { api, get, type Schemas } from "../api/client";
import type { Task } from "./types";

type Said = Schemas["Label"];
type Predicted = Schemas["Predicted"];

export interface Suspect {
  chip: string;
  answers: Said[];
  score: number;
  /** Whether the model thinks that the chip belongs to the class. */
  likely: boolean;
}

const PAGE = 1000;
const MOST_PAGES = 30;
const SURE = 1; // logits nearer to 0 are no contradiction

/** What counts of these events, oldest first: of each person and chip the latest answer; nothing of decided chips. */
export function standing(events: readonly Said[]): Map<string, Said[]> {
  const voided = new Set(events.map((event) => event.voids));
  const latest = new Map<string, Map<string, Said>>();
  const decided = new Set<string>();
  for (const event of events) {
    if (voided.has(event.id) || event.decision === "undo" || event.source === "model") continue;
    if (event.source === "adjudication") decided.add(event.chip);
    const people = latest.get(event.chip) ?? new Map<string, Said>();
    latest.set(event.chip, people.set(event.annotator, event));
  }
  for (const chip of decided) latest.delete(chip);
  return new Map([...latest].map(([chip, people]) => [chip, [...people.values()]]));
}

/** Chips that most people put on the other side than the model does, the clearest contradiction first. */
export function suspects(said: Map<string, Said[]>, predictions: readonly Predicted[], wanted: string): Suspect[] {
  const found = new Map<string, Suspect>();
  for (const { chip, score } of predictions) {
    const answers = said.get(chip)?.filter((answer) => answer.decision === "label") ?? [];
    if (answers.length === 0 || Math.abs(score) < SURE) continue;
    const yes = answers.filter((answer) => answer.value?.includes(wanted)).length;
    const likely = score > 0;
    if (likely ? 2 * yes < answers.length : 2 * yes > answers.length) found.set(chip, { chip, answers, score, likely });
  }
  return [...found.values()].sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
}

/** The suspects for a class among the thousand likeliest and the thousand unlikeliest chips. */
export async function findSuspects(task: Task, wanted: string): Promise<Suspect[]> {
  const [first, said] = await Promise.all([page(task.id, wanted, 0), everythingSaid(task.id)]);
  const last = first.total > PAGE ? await page(task.id, wanted, Math.max(PAGE, first.total - PAGE)) : null;
  return suspects(standing(said), [...first.predictions, ...(last?.predictions ?? [])], wanted);
}

const page = (task: string, wanted: string, start: number) =>
  get(
    api.GET("/api/v1/tasks/{task}/predictions", {
      params: { path: { task }, query: { class: wanted, start, limit: PAGE } },
    }),
  );

async function everythingSaid(task: string): Promise<Said[]> {
  const said: Said[] = [];
  let after = 0;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const params = { path: { task }, query: { after, limit: PAGE } };
    const found = await get(api.GET("/api/v1/tasks/{task}/labels", { params }));
    said.push(...found.labels);
    after = found.next;
    if (!found.more) break;
  }
  return said;
}
