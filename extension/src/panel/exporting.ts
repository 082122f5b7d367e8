/** The list of results as a file, made here: as a table, and as points on a map. */
import type { Hit } from "./hits";
import { labelOf, type SaidOf } from "./said";

export interface Row extends Omit<Hit, "score"> {
  rank: number;
  score: number | null;
  label: string | null;
}

/** The hits in their order, each with what was said of it. */
export const rowsOf = (hits: readonly Hit[], said: SaidOf): Row[] =>
  hits.map((hit, at) => ({ rank: at + 1, ...hit, label: labelOf(said[hit.chip]) }));

const COLUMNS = ["rank", "chip", "score", "time", "layer", "longitude", "latitude", "label"] as const;

/** RFC 4180, with the lines' ends that it asks for. */
export function asCsv(rows: readonly Row[]): string {
  const lines = rows.map(({ rank, chip, score, time, layer, center, label }) =>
    [rank, chip, score, time, layer, center?.[0] ?? null, center?.[1] ?? null, label].map(cell).join(","),
  );
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

/** Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay what they are. */
function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 7946. A chip without a place is a feature without a geometry. */
export function asGeoJson(rows: readonly Row[]): string {
  const features = rows.map(({ center, chip, ...properties }) => ({
    type: "Feature",
    id: chip,
    geometry: center && { type: "Point", coordinates: [...center] },
    properties: { chip, ...properties },
  }));
  return `${JSON.stringify({ type: "FeatureCollection", features }, null, 1)}\n`;
}

/** Give it to the person as a download. */
export function save(name: string, type: string, content: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
