/** Figures of agreement in words, and days counted for the calendar. */
import type { Schemas } from "../api/client";
import { many, sentence } from "../app/words";

type Coefficient = Schemas["Coefficient"];

/** A coefficient with its interval, or why there is none. */
export function told({ value, low, high, chips, reason }: Coefficient): string {
  if (value === null) return reason ? sentence(`No figure of agreement: ${reason}`) : "No figure of agreement yet.";
  const between = low != null && high != null ? ` (95%: ${low.toFixed(2)} to ${high.toFixed(2)})` : "";
  return `Agreement ${value.toFixed(2)}${between}, from ${many(chips, "chip")}.`;
}

export interface Calendar {
  years: number[];
  /** For each year, twelve counts. */
  counts: Map<number, number[]>;
  most: number;
}

/** How many of these instants fall into each month (UTC); years without any between others are there too. */
export function calendarOf(times: readonly (string | null)[]): Calendar {
  const counts = new Map<number, number[]>();
  for (const time of times) {
    if (!time) continue;
    const date = new Date(time);
    const year = date.getUTCFullYear();
    if (Number.isNaN(year)) continue;
    const months = counts.get(year) ?? Array<number>(12).fill(0);
    months[date.getUTCMonth()] = (months[date.getUTCMonth()] ?? 0) + 1;
    counts.set(year, months);
  }
  const known = [...counts.keys()].sort((a, b) => a - b);
  const [first, last] = [known[0], known.at(-1)];
  const years =
    first === undefined || last === undefined ? [] : Array.from({ length: last - first + 1 }, (_, at) => first + at);
  return { years, counts, most: Math.max(0, ...[...counts.values()].flat()) };
}
