/** The colours of classes: the same class of a task looks the same on every screen.
 *
 * A class has the colour of its place among the classes of its task, which never changes. All of them stand out from
 * the ground (3:1, light and dark), and the eight differ also for eyes that do not tell red from green. */
import type { Rgb } from "./points";

const LIGHT: readonly Rgb[] = [
  [0, 114, 178],
  [238, 64, 5],
  [0, 128, 80],
  [225, 17, 194],
  [40, 30, 150],
  [110, 55, 20],
  [0, 165, 150],
  [115, 161, 60],
];
const DARK: readonly Rgb[] = [
  [86, 180, 233],
  [221, 146, 31],
  [94, 239, 123],
  [205, 154, 170],
  [120, 130, 255],
  [178, 103, 83],
  [195, 255, 209],
  [251, 245, 73],
];

/** Beyond so many, colours come again: names say which is which. */
export const COLORS = LIGHT.length;

export const colorsOn = (dark: boolean): readonly Rgb[] => (dark ? DARK : LIGHT);

export const cssOf = ([red, green, blue]: Rgb) => `rgb(${red} ${green} ${blue})`;

/** The colour at a place of a list of names, for style sheets: right in light and dark. */
export const colorAt = (place: number): string => {
  const [light, dark] = [LIGHT[place % COLORS], DARK[place % COLORS]] as [Rgb, Rgb];
  return `light-dark(${cssOf(light)}, ${cssOf(dark)})`;
};

/** Where a class stands among those of its task; the first place for one that the task does not have. */
export const placeOf = (classes: readonly string[], name: string | undefined): number =>
  Math.max(0, classes.indexOf(name ?? ""));

export const colorOf = (classes: readonly string[], name: string | undefined, dark: boolean): Rgb =>
  colorsOn(dark)[placeOf(classes, name) % COLORS] as Rgb;

export const classColor = (classes: readonly string[], name: string | undefined): string =>
  colorAt(placeOf(classes, name));
