import { expect, it } from "vitest";
import { middleOf, nearest } from "./nearest";

const map = { lon: Float32Array.of(0, 179, -179, 90, Number.NaN), lat: Float32Array.of(10, 1, 0, 89, Number.NaN) };

it("finds the middle of a box, over longitude 180 and around a pole, too", () => {
  expect(middleOf([0, 0, 10, 20])).toEqual([5, 10]);
  expect(middleOf([170, -10, -170, 10])).toEqual([180, 0]);
  expect(middleOf([-180, 60, 180, 90])).toEqual([0, 90]);
  expect(middleOf([-180, -90, 180, -60])).toEqual([0, -90]);
});

it("takes the chips nearest to the middle, and says how many there were", () => {
  const { chips, total } = nearest(map, Uint8Array.of(0, 1, 1, 0, 0), [170, -10, -170, 10], 1);
  expect([[...chips], total]).toEqual([[2], 2]);
  expect([...nearest(map, Uint8Array.of(1, 1, 1, 1, 0), [-180, 60, 180, 90]).chips]).toEqual([3, 0, 1, 2]);
});

it("finds nothing in an empty box", () =>
  expect(nearest(map, new Uint8Array(5), [0, 0, 1, 1])).toEqual({ chips: new Uint32Array(), total: 0 }));
