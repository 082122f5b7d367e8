import { describe, expect, it } from "vitest";
import { COLORS, classColor, colorAt, colorsOn } from "./classColor";
import type { Rgb } from "./points";

const linear = (color: Rgb) => color.map((value) => ((value / 255 + 0.055) / 1.055) ** 2.4) as [number, number, number];
const brightness = (color: Rgb) => {
  const [red, green, blue] = linear(color);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one: Rgb, other: Rgb) => {
  const [low = 0, high = 0] = [brightness(one), brightness(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};

/** As eyes see it that lack one sort of cones (Machado, Oliveira & Fernandes 2009). */
const EYES = {
  all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  "no red": [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  "no green": [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
};

/** How far apart two colours are in CIELAB; from about 10 on, they are told apart at a glance. */
function distance(one: Rgb, other: Rgb, eyes: readonly number[]): number {
  const seenAs = (color: Rgb) => {
    const cones = linear(color);
    const row = (at: number, matrix: readonly number[], values: readonly number[]) =>
      [0, 1, 2].reduce((sum, step) => sum + (matrix[at * 3 + step] as number) * (values[step] as number), 0);
    const seen = [0, 1, 2].map((at) => Math.min(1, Math.max(0, row(at, eyes, cones))));
    const SRGB = [0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505];
    const [x = 0, y = 0, z = 0] = [0.9505, 1, 1.089].map((white, at) => {
      const value = row(at, SRGB, seen) / white;
      return value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116;
    });
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)] as const;
  };
  const [a, b] = [seenAs(one), seenAs(other)];
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

describe.each([
  ["light", false, [255, 255, 255]],
  ["dark", true, [36, 36, 36]],
] as const)("the colours of classes on %s ground", (_name, dark, ground) => {
  it("stand out from it", () => {
    for (const color of colorsOn(dark)) expect(contrast(color, ground)).toBeGreaterThanOrEqual(2.98);
  });
  it.each(Object.entries(EYES))("differ for eyes with %s", (_eyes, cones) => {
    const colors = colorsOn(dark);
    for (const [at, one] of colors.entries())
      for (const other of colors.slice(at + 1)) expect(distance(one, other, cones)).toBeGreaterThan(15);
  });
});

it("gives a class the colour of its place in its task, whatever else there is", () => {
  expect(classColor(["smoke", "clear"], "clear")).toBe(colorAt(1));
  expect(colorAt(COLORS)).toBe(colorAt(0));
});
