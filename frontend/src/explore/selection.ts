/** Which chips are selected: one set for all views. Lives as long as the screen; too large for an address.
 *
 * Chips are known by their numbers in the project, in ascending order: a million of them are four megabytes, and ids
 * are asked for when something is done with them. */
import { useMemo, useState } from "react";

export interface Selection {
  readonly numbers: Uint32Array;
  has: (number: number) => boolean;
  toggle: (number: number) => void;
  set: (numbers: Uint32Array) => void; // ascending, each once
  add: (numbers: Uint32Array) => void;
  clear: () => void;
}

const NONE = new Uint32Array();

/** Where a number is, or would be. */
function placeIn(numbers: Uint32Array, number: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const holds = (numbers: Uint32Array, number: number): boolean => numbers[placeIn(numbers, number)] === number;

/** What is in one of two ascending lists, each once. */
export function united(one: Uint32Array, other: Uint32Array): Uint32Array {
  const all = new Uint32Array(one.length + other.length);
  let [count, left, right] = [0, 0, 0];
  while (left < one.length || right < other.length) {
    const [a = Number.POSITIVE_INFINITY, b = Number.POSITIVE_INFINITY] = [one[left], other[right]];
    if (a <= b) left++;
    if (b <= a) right++;
    all[count++] = Math.min(a, b);
  }
  return all.slice(0, count);
}

export function toggled(numbers: Uint32Array, number: number): Uint32Array {
  return holds(numbers, number) ? numbers.filter((one) => one !== number) : united(numbers, Uint32Array.of(number));
}

/** The numbers from `first` up to, and without, `last`. */
export const range = (first: number, last: number): Uint32Array =>
  Uint32Array.from({ length: Math.max(0, last - first) }, (_, step) => first + step);

export function useSelection(): Selection {
  const [numbers, setNumbers] = useState<Uint32Array>(NONE);
  return useMemo(
    () => ({
      numbers,
      has: (number) => holds(numbers, number),
      toggle: (number) => setNumbers((before) => toggled(before, number)),
      set: setNumbers,
      add: (more) => setNumbers((before) => united(before, more)),
      clear: () => setNumbers(NONE),
    }),
    [numbers],
  );
}
