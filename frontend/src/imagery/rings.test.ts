import { expect, test } from "vitest";
import { aroundThePole, polygonsOf, unbroken } from "./rings";

const ring = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 0],
];

test("polygons are found wherever they are", () => {
  const polygon = { type: "Polygon", coordinates: [ring, ring] };
  const feature = { type: "Feature", geometry: polygon };
  expect(polygonsOf(polygon)).toEqual([ring]);
  expect(polygonsOf({ type: "FeatureCollection", features: [feature, feature] })).toEqual([ring, ring]);
  expect(polygonsOf({ type: "MultiPolygon", coordinates: [[ring], [ring]] })).toHaveLength(2);
});
test("what is malformed is left out", () => {
  for (const odd of [
    null,
    3,
    {},
    { type: "Polygon" },
    { type: "Polygon", coordinates: [[["a"]]] },
    { type: "Feature" },
  ])
    expect(polygonsOf(odd)).toEqual([]);
});
test("a ring across longitude 180 runs on beyond it", () =>
  expect(
    unbroken([
      [179, 0],
      [-179, 0],
      [-179, 1],
      [179, 1],
      [179, 0],
    ]),
  ).toEqual([
    [179, 0],
    [181, 0],
    [181, 1],
    [179, 1],
    [179, 0],
  ]));
test("a ring around the globe is closed over its pole", () =>
  expect(
    unbroken([
      [-170, -70],
      [-60, -70],
      [60, -70],
      [170, -70],
      [-170, -70],
    ]),
  ).toEqual([
    [-170, -70],
    [-60, -70],
    [60, -70],
    [170, -70],
    [190, -70],
    [190, -90],
    [-170, -90],
  ]));
test("a ring around the pole loses the cut that degrees need", () =>
  expect(
    aroundThePole([
      [-180, 70],
      [0, 70],
      [180, 70],
      [180, 90],
      [-180, 90],
      [-180, 70],
    ]),
  ).toEqual([
    [-180, 70],
    [0, 70],
    [180, 70],
    [-180, 70],
  ]));
