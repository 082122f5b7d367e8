/** What a tick and a cross mean in a task, and saving them. */
import { Fault, type Schemas } from "../../../frontend/src/api/client";
import { eventsFor, type Said as Kept, label, undoOf } from "../../../frontend/src/explore/labelling";
import { isYesNo } from "../../../frontend/src/label/hotkeys";
import { isSaid, type Said } from "./said";

type Task = Schemas["Task"];

export type Mark = "yes" | "no" | "unsure";

/** The class that a mark stands for; null where it stands for none: unsure, or a cross where there are many classes. */
export function classOf(mark: Mark, task: Pick<Task, "classes" | "several">, chosen: string | null): string | null {
  const yes = chosen !== null && task.classes.includes(chosen) ? chosen : (task.classes[0] ?? null);
  if (mark === "yes") return yes;
  if (mark === "no" && isYesNo(task)) return task.classes.find((name) => name !== yes) ?? null;
  return null;
}

/** The marks that the task has an answer for. */
export const marksOf = (task: Pick<Task, "classes" | "several">): readonly Mark[] =>
  isYesNo(task) ? ["yes", "unsure", "no"] : ["yes", "unsure"];

/** The mark that stands for what was said; a tick where it is a class that no mark means at the moment. */
export const markOf = (said: Said, task: Pick<Task, "classes" | "several">, chosen: string | null): Mark =>
  marksOf(task).find((mark) => isSaid(said, classOf(mark, task, chosen))) ?? "yes";

interface Answer {
  task: string;
  chip: string;
  mark: Mark;
  /** The class that the mark stands for. */
  value: string | null;
  /** What was said before: it is taken back, so that nothing of it is left when this one is. */
  before: Said | undefined;
  /** Whether this person may put chips into the task. */
  curator: boolean;
}

/** Save it at once. Returns what was kept; refusals are thrown. */
export async function say({ task, chip, mark, value, before, curator }: Answer): Promise<Said> {
  const classes = value === null ? null : [value];
  const events = eventsFor([chip], mark === "unsure" ? "unsure" : "label", classes ?? []);
  const undone = before ? undoOf({ task, kept: [{ id: before.id, chip }], refused: [] }) : [];
  const { kept, refused } = await put(task, [...undone, ...events], curator && !before);
  const [id] = events.map((event) => event.id);
  if (id && kept.some((one) => one.id === id)) return { id, value: classes };
  throw refusal(refused);
}

/** Take it back. */
export async function unsay(task: string, chip: string, { id }: Said): Promise<void> {
  const { refused } = await put(task, undoOf({ task, kept: [{ id, chip }], refused: [] }), false);
  if (refused.length > 0) throw refusal(refused);
}

async function put(task: string, events: Parameters<typeof label>[1], addChips: boolean): Promise<Kept> {
  return label(task, events, { addChips }).catch((error) => {
    // Who may label need not be allowed to put chips into the task; it may have the chip already.
    if (addChips && error instanceof Fault && error.status === 403) return label(task, events, { addChips: false });
    throw error;
  });
}

function refusal([reason = "Nothing was saved"]: readonly string[]): Fault {
  if (!reason.startsWith("there is no chip")) return new Fault(409, "Conflict", reason, "");
  return new Fault(409, "Conflict", "This chip is not in the task.", "A curator can add it by labelling it here.");
}
