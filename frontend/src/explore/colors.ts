/** What colour each chip has in the views of all chips. */
import { COLORS, colorsOn, cssOf, placeOf } from "../widgets/classColor";
import { packColors, type Rgb } from "../widgets/points";
import { type LabelMap, NOTHING } from "./labelMap";
import { type MapData, NO_NAME } from "./mapData";

/** From dark to bright (viridis without its darkest and its palest part). */
const VIRIDIS: readonly Rgb[] = [
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
];

export const COLORINGS = ["plain", "label", "layer", "folder", "date"] as const;
export type Coloring = (typeof COLORINGS)[number];

/** From little to much: the more, the further from the ground. */
const rampOn = (dark: boolean): readonly Rgb[] => (dark ? VIRIDIS : [...VIRIDIS].reverse());
export const rampCss = (dark: boolean) => `linear-gradient(to right, ${rampOn(dark).map(cssOf).join(", ")})`;

/** The first and the last time; null when no chip has one. */
export function span(times: Float64Array): [first: number, last: number] | null {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) {
    if (time < first) first = time;
    if (time > last) last = time;
  }
  return first <= last ? [first, last] : null;
}

export interface Marks {
  passing: Uint8Array | null; // null: all
  hits: ReadonlyMap<number, number> | null; // chip number → score, 0 to 1 within what was found
  selected: Uint32Array;
}

/** The colour of every point, and which points are drawn in front: what was labelled where that is shown; results, the
 * best last; and what is selected. */
export function paint(map: MapData, coloring: Coloring, labels: LabelMap | null, marks: Marks, dark: boolean) {
  const [faint = 0, plain = 0, answered = 0, selected = 0] = packColors(
    dark
      ? [[62, 70, 74], [110, 168, 184], [160, 160, 160], [255, 255, 255]] // biome-ignore format: two rows to compare
      : [
          [205, 211, 214],
          [47, 130, 151],
          [110, 110, 110],
          [20, 20, 20],
        ],
  );
  const ramp = packColors(rampOn(dark));
  const inked = inks(map, coloring, labels, ramp, dark, answered);
  const colors = new Uint32Array(map.chips).fill(inked || marks.hits ? faint : plain);
  const front: number[] = [];
  for (let chip = 0; chip < map.chips; chip++) {
    if (inked) colors[chip] = inked(chip) || faint;
    if (marks.passing && !marks.passing[chip]) colors[chip] = faint;
    else if (coloring === "label" && colors[chip] !== faint) front.push(chip);
  }
  for (const [chip, score] of [...(marks.hits ?? [])].reverse()) {
    if (!inked) colors[chip] = ramp[Math.min(ramp.length - 1, Math.floor(score * ramp.length))] as number;
    front.push(chip);
  }
  for (const chip of marks.selected) colors[chip] = selected;
  const all = new Uint32Array(front.length + marks.selected.length);
  all.set(front);
  all.set(marks.selected, front.length);
  return { colors, front: all };
}

/** The colour that a chip has by itself, 0 for none; null where chips are not told apart. */
function inks(
  map: MapData,
  coloring: Coloring,
  labels: LabelMap | null,
  ramp: Uint32Array,
  dark: boolean,
  answered: number, // for what was said and is no class: unsure, skipped
): ((chip: number) => number) | null {
  const colors = packColors(colorsOn(dark));
  if (coloring === "layer" || coloring === "folder") {
    const names = map[coloring];
    return (chip) => (names[chip] === NO_NAME ? 0 : (colors[(names[chip] as number) % COLORS] as number));
  }
  if (coloring === "date") {
    const [first, last] = span(map.time) ?? [0, 0];
    const step = ramp.length / Math.max(1, last - first);
    return (chip) => ramp[Math.min(ramp.length - 1, Math.floor(((map.time[chip] as number) - first) * step))] ?? 0;
  }
  if (coloring === "label" && labels) {
    const { said, answers, task } = labels;
    const known = answers.map(([name]) => (name ? (colors[placeOf(task.classes, name) % COLORS] as number) : answered));
    return (chip) => ((said[chip] ?? NOTHING) === NOTHING ? 0 : (known[said[chip] as number] ?? answered));
  }
  return null;
}
