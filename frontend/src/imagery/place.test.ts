import { expect, test } from "vitest";
import { readPlace, writePlace } from "./place";

test("a box in degrees, with commas or blanks", () => {
  const box = { kind: "bbox", bbox: [-10, 30, 10, 45] };
  expect(readPlace("-10, 30, 10, 45")).toEqual(box);
  expect(readPlace(" -10 30 10 45 ")).toEqual(box);
});
test("a box may cross longitude 180", () =>
  expect(readPlace("170,-20,-170,-10")).toEqual({ kind: "bbox", bbox: [170, -20, -170, -10] }));
test("GeoJSON with polygons", () => {
  const region = {
    type: "Polygon",
    coordinates: [
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    ],
  };
  expect(readPlace(JSON.stringify(region))).toEqual({ kind: "region", region });
});
test("a link to Worldview", () => {
  const link = "https://worldview.earthdata.nasa.gov/?v=-10,30,10,45";
  expect(readPlace(link)).toEqual({ kind: "worldview", link });
});
test("what is wrong is told", () => {
  expect(readPlace("1,2,3")).toMatch(/west, south, east, north/);
  expect(readPlace("0,10,10,0")).toMatch(/South/);
  expect(readPlace("0,0,999,1")).toMatch(/Longitudes/);
  expect(readPlace("{not json")).toMatch(/not JSON/);
  expect(readPlace('{"type":"Point","coordinates":[0,0]}')).toMatch(/no polygons/);
  expect(readPlace("https://example.org/")).toMatch(/not one to NASA Worldview/);
  expect(readPlace("")).toMatch(/Draw/);
});
test("what is written can be read again", () => {
  for (const text of [
    "-10, 30, 10, 45",
    '{"type":"Polygon","coordinates":[]}',
    "https://worldview.earthdata.nasa.gov/?t=1",
  ]) {
    const place = readPlace(text);
    expect(typeof place === "string" ? "" : writePlace(place)).toBe(text);
  }
});
