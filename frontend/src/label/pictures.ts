/** Pictures that are decoded before they are needed. */
import { useEffect, useRef } from "react";
import { pictureOf, thumbnailOf } from "../api/client";
import type { Card, Chip } from "./types";

/** Browsers show no TIFF, so that of those a large copy is shown. */
export const sourceOf = (chip: string, facts: Pick<Chip, "media_type"> | null): string =>
  facts?.media_type === "image/tiff" ? thumbnailOf(chip, 512) : pictureOf(chip);

/** Fetch and decode the pictures of these cards, and hold on to them for as long as the cards are here. */
export function useDecoded(cards: readonly Card[]) {
  const held = useRef(new Map<string, HTMLImageElement>());
  useEffect(() => {
    const wanted = new Set(cards.map((card) => card.chip));
    for (const chip of held.current.keys()) if (!wanted.has(chip)) held.current.delete(chip);
    for (const { chip, facts } of cards) {
      if (held.current.has(chip)) continue;
      const image = new Image();
      image.src = sourceOf(chip, facts);
      image.decode().catch(() => undefined); // the card itself says that it cannot be shown
      held.current.set(chip, image);
    }
  }, [cards]);
}
