/** A list that changes while somebody looks at it, and of which only pages are here: as in `still`, the cards in view
 * stay where they are, and all others take their new places around them. */
import { useCallback, useRef, useState } from "react";
import type { Item } from "./items";
import type { Stretch } from "./still";

export interface Listed {
  total: number;
  at: (index: number) => Item | undefined; // in the order of the project; undefined: not here yet
}

export interface Held {
  of: string; // what was asked for
  first: number;
  items: readonly Item[]; // what was in view when the list changed
}

/** What is shown from `first` on and is here, up to `last`; null when there is nothing. */
export function holding(of: string, [first, last]: Stretch, at: Listed["at"]): Held | null {
  const items: Item[] = [];
  for (let index = first; index < last; index++) {
    const item = at(index);
    if (!item) break;
    items.push(item);
  }
  return items.length > 0 ? { of, first, items } : null;
}

/** How many of the list come before the chip of this number; it is sought from `about` as far as the list is here. */
function countBefore(number: number, { at, total }: Listed, about: number): number {
  let count = Math.min(about, total);
  while (count > 0 && (at(count - 1)?.number ?? -1) >= number) count--;
  while (count < total && (at(count)?.number ?? Number.POSITIVE_INFINITY) < number) count++;
  return count;
}

/** The list, but for the cards that are held, which keep their places. `same`: they would be there anyway. */
export function aroundHeld({ first, items }: Held, list: Listed): Listed & { same: boolean } {
  const last = first + items.length;
  const stay = new Set(items.map(({ number }) => number));
  const before = countBefore(items[0]?.number ?? 0, list, first);
  const after = countBefore((items.at(-1)?.number ?? 0) + 1, list, last);
  const joined: number[] = [];
  for (let index = before; index < after; index++) if (!stay.has(list.at(index)?.number ?? -1)) joined.push(index);
  const there = after - before - joined.length; // of those that are held
  const other = (index: number) => list.at(index < before ? index : (joined[index - before] ?? index + there));
  return {
    total: list.total - there + items.length,
    at: (index) => items[index - first] ?? other(index < first ? index : index - items.length),
    same: there === items.length && joined.length === 0 && before === first,
  };
}

/** `of` names what was asked for, null as long as the list answers what was asked before; `view` is what is in view. */
export function useHeld(of: string | null, view: Stretch, list: Listed) {
  const [kept, setKept] = useState<Held | null>(null);
  if (kept && of !== null && kept.of !== of) setKept(null); // something else is asked for
  const shown = kept && kept.of === of ? aroundHeld(kept, list) : { ...list, same: true };
  const latest = useRef({ of, view, shown });
  latest.current = { of, view, shown };

  /** To be called when the list is about to change. */
  const hold = useCallback(() => {
    const { of, view, shown } = latest.current;
    if (of !== null) setKept(holding(of, view, shown.at));
  }, []);
  const scrolled = useCallback((to: Stretch) => {
    const { at } = latest.current.shown;
    setKept((now) => {
      if (!now || (to[0] < now.first + now.items.length && to[1] > now.first)) return now;
      return holding(now.of, to, at); // when they are let go, nothing moves either
    });
  }, []);
  const show = useCallback(() => setKept(null), []);
  return { total: shown.total, at: shown.at, hold, scrolled, news: shown.same ? null : { count: 0, show } };
}
