/** A ranking that changes while somebody looks at it: the cards in view stay where they are, and all others take their
 * new places around them. Nothing moves under the pointer, and who scrolls on sees the newest order. */
import { useCallback, useState } from "react";
import type { Item } from "./items";

export type Stretch = readonly [first: number, last: number];

export interface Still {
  of: string; // what was asked for
  ranked: readonly Item[]; // the newest answer
  shown: readonly Item[];
  view: Stretch; // what is in view
  held: Stretch; // what was in view when the newest answer came
}

/** The new order, but for the cards of a stretch, which keep their places. */
export function around(shown: readonly Item[], ranked: readonly Item[], [first, last]: Stretch): readonly Item[] {
  const held = shown.slice(first, last);
  if (held.length === 0) return ranked;
  const stay = new Set(held.map(({ number }) => number));
  const facts = new Map(ranked.filter(({ number }) => stay.has(number)).map((item) => [item.number, item]));
  const others = ranked.filter(({ number }) => !stay.has(number));
  return [...others.slice(0, first), ...held.map((item) => facts.get(item.number) ?? item), ...others.slice(first)];
}

/** A new answer came: to the same question around what is in view, to another one as it is. */
export const answered = (still: Still, of: string, ranked: readonly Item[]): Still =>
  still.of === of
    ? { ...still, ranked, shown: around(still.shown, ranked, still.view), held: still.view }
    : { of, ranked, shown: ranked, view: still.view, held: [0, 0] };

/** Somebody scrolled. Once the cards that were held are out of view, they take their new places, too. */
export function looked(still: Still, view: Stretch): Still {
  if (view[0] === still.view[0] && view[1] === still.view[1]) return still;
  const [first, last] = still.held;
  if (last === 0 || (view[0] < last && view[1] > first)) return { ...still, view };
  return { ...still, view, shown: around(still.shown, still.ranked, view), held: view };
}

/** How many chips belong to the top that is in view and are not there; null when it is as it should be. */
export function newAtTop({ shown, ranked, view: [first, last] }: Still): number | null {
  if (first > 0 || shown === ranked) return null; // further down, scrolling up shows them
  const top = shown.slice(0, last);
  const there = new Set(top.map(({ number }) => number));
  const wanted = ranked.slice(0, last);
  if (wanted.every(({ number }, at) => number === top[at]?.number)) return null;
  return wanted.filter(({ number }) => !there.has(number)).length;
}

/** `of` names what was asked for; null as long as `ranked` answers what was asked before. */
export function useStill(of: string | null, ranked: readonly Item[]) {
  const [kept, setKept] = useState<Still>({ of: "", ranked, shown: ranked, view: [0, 0], held: [0, 0] });
  const changed = of !== null && (kept.of !== of || kept.ranked !== ranked);
  const still = changed ? answered(kept, of, ranked) : kept;
  if (changed) setKept(still);
  const look = useCallback((first: number, last: number) => setKept((now) => looked(now, [first, last])), []);
  const show = useCallback(() => setKept((now) => ({ ...now, shown: now.ranked, held: [0, 0] })), []);
  const count = newAtTop(still);
  return { shown: still.shown, look, news: count === null ? null : { count, show } };
}
