/** What a tick and a cross mean in a task, and saving them. */
import { Fault, type Schemas } from "../../../frontend/src/api/client";
import { eventsFor, type Said as Kept, label, undoOf } from "../../../frontend/src/explore/labelling";
import { isYesNo } from "../../../frontend/src/label/hotkeys";
import type { Mark, Said } from "./session";

type Task = Schemas["Task"];

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

/** Save it at once. Returns what was kept; refusals are thrown. */
export async function say(
  task: string,
  chip: string,
  mark: Mark,
  value: string | null,
  curator: boolean,
): Promise<Said> {
  const events = eventsFor([chip], mark === "unsure" ? "unsure" : "label", value === null ? [] : [value]);
  const [kept] = (await put(task, events, curator)).kept;
  if (!kept) throw new Fault(409, "Conflict", "Nothing was saved.", "Try again.");
  return { id: kept.id, mark };
}

/** Take it back. */
export const unsay = (task: string, chip: string, { id }: Said): Promise<Kept> =>
  put(task, undoOf({ task, kept: [{ id, chip }], refused: [] }), false);

async function put(task: string, events: Parameters<typeof label>[1], addChips: boolean): Promise<Kept> {
  const said = await label(task, events, { addChips }).catch((error) => {
    // Who may label need not be allowed to put chips into the task; it may have the chip already.
    if (addChips && error instanceof Fault && error.status === 403) return label(task, events, { addChips: false });
    throw error;
  });
  const [reason] = said.refused;
  if (reason) throw new Fault(409, "Conflict", reason, "");
  return said;
}
