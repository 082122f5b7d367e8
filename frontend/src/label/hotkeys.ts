/** Keys of the labelling screen: which one means what, as a table that tests and the list of shortcuts share. */
import { typing } from "../app/keys";
import type { Task } from "./types";

export type Action =
  | { do: "class"; at: number }
  | {
      do: "unsure" | "skip" | "undo" | "confirm" | "note" | "zoom" | "context" | "earlier" | "later" | "grid" | "help";
    };

export interface Key {
  key: string;
  ctrlKey?: boolean;
  metaKey?: boolean;
  altKey?: boolean;
  repeat?: boolean;
  target?: EventTarget | null;
}

const PLAIN: Record<string, Exclude<Action["do"], "class">> = {
  u: "unsure",
  arrowdown: "unsure",
  s: "skip",
  arrowup: "skip",
  z: "undo",
  backspace: "undo",
  enter: "confirm",
  c: "note",
  x: "zoom",
  w: "context",
  ",": "earlier",
  ".": "later",
  g: "grid",
  "?": "help",
};

/** Whether the task is a question with two answers, the first of which is yes. */
export const isYesNo = (task: Pick<Task, "classes" | "several">): boolean => !task.several && task.classes.length === 2;

/** What a key means for this task; null where it means nothing, or something else than to us. */
export function actionOf(event: Key, task: Pick<Task, "classes" | "several">): Action | null {
  const key = event.key.toLowerCase();
  if (event.repeat || event.altKey || typing(event.target)) return null; // a held key must not answer card after card
  if (key.startsWith("arrow") && isRadio(event.target)) return null; // it chooses among its neighbours
  if (event.ctrlKey || event.metaKey) return key === "z" ? { do: "undo" } : null;
  if (key === "enter" && isControl(event.target)) return null; // it presses what has the focus
  const at = classAt(key, task);
  if (at !== null) return { do: "class", at };
  const name = PLAIN[key];
  return name ? { do: name } : null;
}

function classAt(key: string, task: Pick<Task, "classes" | "several">): number | null {
  if (isYesNo(task)) {
    if (key === "y" || key === "arrowright") return 0;
    if (key === "n" || key === "arrowleft") return 1;
  }
  if (!/^[1-9]$/.test(key)) return null;
  const at = Number(key) - 1;
  return at < task.classes.length ? at : null;
}

/** The key to print on the button of a class; nothing beyond the ninth. */
export function keyOf(at: number, task: Pick<Task, "classes" | "several">): string {
  if (isYesNo(task)) return at === 0 ? "Y" : "N";
  return at < 9 ? String(at + 1) : "";
}

const isRadio = (target?: EventTarget | null): boolean => target instanceof HTMLInputElement && target.type === "radio";

/** Things that Enter presses. What is only picked (`data-pick`) is pressed with Space, so that Enter confirms. */
function isControl(target?: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("button:not([data-pick]), a, summary, [role='tab']") !== null;
}
