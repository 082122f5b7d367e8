import { expect, it } from "vitest";
import { paint } from "./colors";
import type { MapData } from "./mapData";

const map = { chips: 4, layer: Uint16Array.of(0, 1, 0, 65535), folder: new Uint16Array(4) } as MapData;

it("draws results and what is selected in front, each in a colour of its own", () => {
  const hits = new Map([
    [2, 1],
    [1, 0],
  ]);
  const { colors, front } = paint(map, "plain", { passing: null, hits, selected: [3] }, false);
  expect([...front]).toEqual([1, 2, 3]);
  expect(new Set(colors).size).toBe(4);
});

it("tells layers apart, and makes what does not pass faint", () => {
  const { colors } = paint(map, "layer", { passing: Uint8Array.of(1, 1, 0, 1), hits: null, selected: [] }, false);
  expect(colors[0]).not.toBe(colors[1]);
  expect(colors[2]).toBe(colors[3]);
});
