/** What colour each chip has in the views of all chips. */
import { packColors, type Rgb } from "../widgets/points";
import { type MapData, NO_NAME } from "./mapData";

/** Told apart also by most people who see colours differently (after Okabe and Ito, and Tol). */
export const CATEGORIES: readonly Rgb[] = [
  [0, 114, 178],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [213, 94, 0],
  [136, 34, 85],
  [153, 153, 51],
  [51, 34, 136],
  [68, 170, 153],
  [170, 68, 153],
  [110, 110, 110],
];
const SELECTED: Rgb = [232, 89, 12];
/** From little to much alike, dark to bright (viridis without its darkest and its palest part). */
const RAMP: readonly Rgb[] = [
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
];

export type Coloring = "plain" | "layer" | "folder";

export const cssOf = ([red, green, blue]: Rgb) => `rgb(${red} ${green} ${blue})`;
export const rampCss = `linear-gradient(to right, ${RAMP.map(cssOf).join(", ")})`;

export interface Marks {
  passing: Uint8Array | null; // null: all
  hits: ReadonlyMap<number, number> | null; // chip number → score, 0 to 1 within what was found
  selected: readonly number[];
}

/** The colour of every point, and which points are drawn in front: results, the best last, and what is selected. */
export function paint(map: MapData, coloring: Coloring, marks: Marks, dark: boolean) {
  const faint = packColors([dark ? [62, 70, 74] : [205, 211, 214]])[0] as number;
  const plain = packColors([dark ? [110, 168, 184] : [47, 130, 151]])[0] as number;
  const categories = packColors(CATEGORIES);
  const ramp = packColors(RAMP);
  const colors = new Uint32Array(map.chips).fill(plain);
  const names = coloring === "plain" ? null : map[coloring];
  for (let chip = 0; chip < map.chips; chip++) {
    const name = names?.[chip];
    if (marks.passing && !marks.passing[chip]) colors[chip] = faint;
    else if (name === NO_NAME) colors[chip] = faint;
    else if (name !== undefined) colors[chip] = categories[name % categories.length] as number;
    else if (marks.hits) colors[chip] = faint;
  }
  const front: number[] = [];
  for (const [chip, score] of [...(marks.hits ?? [])].reverse()) {
    if (!names) colors[chip] = ramp[Math.min(ramp.length - 1, Math.floor(score * ramp.length))] as number;
    front.push(chip);
  }
  const [selected = 0] = packColors([SELECTED]);
  for (const chip of marks.selected) {
    colors[chip] = selected;
    front.push(chip);
  }
  return { colors, front: Uint32Array.from(front) };
}
