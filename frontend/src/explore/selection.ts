/** Which chips are selected: one set for all views. Lives as long as the screen; too large for an address. */
import { useMemo, useState } from "react";

export interface Selection {
  readonly ids: ReadonlySet<string>;
  has: (id: string) => boolean;
  toggle: (id: string) => void;
  set: (ids: Iterable<string>) => void;
  add: (ids: Iterable<string>) => void;
  clear: () => void;
}

export const MOST_SELECTED = 10_000;

/** At most so many, the first ones. */
export function united(before: ReadonlySet<string>, ids: Iterable<string>): ReadonlySet<string> {
  const all = new Set(before);
  for (const id of ids) {
    if (all.size >= MOST_SELECTED) break;
    all.add(id);
  }
  return all;
}

export function toggled(before: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(before);
  if (!next.delete(id)) next.add(id);
  return next;
}

const NONE: ReadonlySet<string> = new Set();

export function useSelection(): Selection {
  const [ids, setIds] = useState(NONE);
  return useMemo(
    () => ({
      ids,
      has: (id) => ids.has(id),
      toggle: (id) => setIds((before) => toggled(before, id)),
      set: (next) => setIds(united(NONE, next)),
      add: (more) => setIds((before) => united(before, more)),
      clear: () => setIds(NONE),
    }),
    [ids],
  );
}
