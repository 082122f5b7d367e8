import { expect, test } from "vitest";
import { curvesOf, type Encoder, figuresOf, gainOf, withInterval } from "./results";

const quality = (step: number, knn: number | null) => ({ step, retrieval: 0.5, knn, collapsed: false });
const point = (seconds: number, measured: ReturnType<typeof quality> | null) => ({
  fraction: seconds / 60,
  seconds,
  loss: 2,
  pictures_per_second: 40,
  quality: measured,
});
const encoder = (metrics: Record<string, number>) => ({ card: { metrics } }) as unknown as Encoder;

test("quality has a curve of its own, of the moments at which it was measured", () => {
  const course = { points: [point(0, quality(0, 0.2)), point(30, null), point(60, quality(9, 0.4))], neighbours: [] };
  const curves = curvesOf(course);
  expect(curves.minutes).toEqual([0, 0.5, 1]);
  expect(curves.measured).toEqual([0, 1]);
  expect(curves.knn).toEqual([0.2, 0.4]);
  expect(curves.latest?.step).toBe(9);
});
test("without classes there is no curve of them", () =>
  expect(curvesOf({ points: [point(0, quality(0, null))], neighbours: [] }).knn).toBeNull());
test("before the first measurement there is nothing", () =>
  expect(curvesOf({ points: [], neighbours: [] }).latest).toBeNull());

test("figures carry their interval", () => {
  expect(withInterval({ value: 0.912, low: 0.85, high: 0.961 })).toBe("91.2% (85.0 to 96.1)");
  expect(gainOf({ value: 0.032, low: -0.01, high: 0.074 })).toBe("+3.2 (−1.0 to 7.4)");
  expect(gainOf({ value: -0.5, low: -0.6, high: -0.4 })).toBe("−50.0 (−60.0 to −40.0)");
});

test("figures that both cards have come first", () =>
  expect(figuresOf(encoder({ own: 1, both: 2 }), encoder({ both: 3, theirs: 4 }))).toEqual([
    ["both", 2, 3],
    ["own", 1, null],
    ["theirs", null, 4],
  ]));
