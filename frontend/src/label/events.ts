/** Events as they are made here: with ids of our own, so that sending one again is safe. */
import type { Decision, LabelEvent, Past } from "./types";

/** What is said of one chip. */
export interface Said {
  chip: string;
  decision: Exclude<Decision, "undo">;
  value?: string[];
  note?: string;
}

const LONGEST_SECONDS = 86_400;
let last = 0;

/** An id that grows with time (as UUID version 7). */
export function eventId(now = Date.now()): string {
  last = Math.max(last + 1, now); // never twice the same moment, also when the clock goes back
  const random = crypto.getRandomValues(new Uint8Array(10)); // randomUUID is missing on plain http
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const time = last.toString(16).padStart(12, "0");
  const variant = ((Number.parseInt(hex.slice(3, 4), 16) & 3) | 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

/** One event for each chip; together they took this long. */
export function eventsOf(said: readonly Said[], milliseconds: number): LabelEvent[] {
  const each = Math.min(milliseconds / 1000 / said.length, LONGEST_SECONDS);
  const seconds = Math.round(Math.max(each, 0) * 100) / 100;
  return said.map(({ chip, decision, value = [], note = "" }) => {
    const event: LabelEvent = { id: eventId(), chip, decision, seconds };
    if (decision === "label") event.value = value;
    if (note.trim()) event.note = note.trim();
    return event;
  });
}

/** What takes a step back. */
export function undoOf(step: Past): LabelEvent[] {
  return step.events.map((event) => ({ id: eventId(), chip: event.chip, decision: "undo", voids: event.id }));
}
