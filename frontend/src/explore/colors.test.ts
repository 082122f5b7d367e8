import { expect, it } from "vitest";
import { paint } from "./colors";
import type { LabelMap } from "./labelMap";
import type { MapData } from "./mapData";

const map = {
  chips: 4,
  layer: Uint16Array.of(0, 1, 0, 65535),
  folder: new Uint16Array(4),
  time: Float64Array.of(0, 50, 100, Number.NaN),
} as MapData;
const labels = {
  task: { classes: ["smoke", "clear"] },
  answers: [["smoke"], ["clear"]],
  said: Uint16Array.of(0, 1, 65_534, 65_535),
} as LabelMap;
const none = { passing: null, hits: null, selected: new Uint32Array() };

it("draws results and what is selected in front, each in a colour of its own", () => {
  const hits = new Map([
    [2, 1],
    [1, 0],
  ]);
  const { colors, front } = paint(map, "plain", null, { ...none, hits, selected: Uint32Array.of(3) }, false);
  expect([...front]).toEqual([1, 2, 3]);
  expect(new Set(colors).size).toBe(4);
});

it("tells layers apart, and makes what does not pass faint", () => {
  const { colors } = paint(map, "layer", null, { ...none, passing: Uint8Array.of(1, 1, 0, 1) }, false);
  expect(colors[0]).not.toBe(colors[1]);
  expect(colors[2]).toBe(colors[3]);
});

it("shows dates from early to late, and those without one faint", () => {
  const { colors } = paint(map, "date", null, none, true);
  expect(new Set(colors).size).toBe(4);
});

it.each([true, false])("draws what was labelled in front, in the colours of its classes", (dark) => {
  const { colors, front } = paint(map, "label", labels, none, dark);
  expect([...front]).toEqual([0, 1, 2]);
  expect(new Set(colors).size).toBe(4);
  const passing = Uint8Array.of(1, 0, 1, 1);
  expect([...paint(map, "label", labels, { ...none, passing }, dark).front]).toEqual([0, 2]);
});
