/** How the first card is looked at, and what is prepared to be said of it. It begins anew with each card. */
import { useState } from "react";
import type { Chip } from "./types";

interface Look {
  chip: string;
  zoomed: boolean;
  around: boolean;
  /** Another day of the same place. */
  other: Chip | null;
  note: string;
  /** Classes of this chip, or the odd ones of nine. */
  picked: ReadonlySet<string>;
}

const NEW: Omit<Look, "chip"> = { zoomed: false, around: false, other: null, note: "", picked: new Set() };

export function useLook(chip: string) {
  const [kept, keep] = useState<Look>({ ...NEW, chip });
  // Before anything is painted, so that no card is ever seen with the note of another. Zoom stays.
  const look = kept.chip === chip ? kept : { ...NEW, chip, zoomed: kept.zoomed };
  const set = (change: Partial<Look>) => keep({ ...look, ...change });
  const toggle = (name: string) => {
    const picked = new Set(look.picked);
    if (!picked.delete(name)) picked.add(name);
    set({ picked });
  };
  return { ...look, set, toggle };
}
