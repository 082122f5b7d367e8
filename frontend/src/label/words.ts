/** What a chip is, in words. */
import type { Chip } from "./types";

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

export const dayOf = (chip: Chip): string => (chip.time ? DAY.format(new Date(chip.time)) : "");

export function centerOf(chip: Chip): [number, number] | null {
  if (!chip.box) return null;
  const { west, south, east, north } = chip.box;
  const width = (east - west + 360) % 360 || (east === west ? 0 : 360);
  return [((west + width / 2 + 540) % 360) - 180, (south + north) / 2];
}

export function placeOf(chip: Chip): string {
  const center = centerOf(chip);
  if (!center) return "";
  const [longitude, latitude] = center;
  return `${degrees(latitude, "N", "S")} ${degrees(longitude, "E", "W")}`;
}

const degrees = (value: number, plus: string, minus: string) =>
  `${Math.abs(value).toFixed(2)}° ${value < 0 ? minus : plus}`;

/** One line that tells a chip from others, for those who do not see it. */
export function describe(chip: Chip | null): string {
  if (!chip) return "Picture";
  const parts = [chip.layer, dayOf(chip), placeOf(chip)].filter(Boolean);
  return parts.length > 0 ? `Picture: ${parts.join(", ")}` : `Picture ${chip.id.slice(0, 8)}`;
}
