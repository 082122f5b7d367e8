import { describe, expect, it } from "vitest";
import { asCsv, asGeoJson, type Row, rowsOf } from "./exporting";

const row: Row = {
  rank: 1,
  chip: "VIIRS/2020-08-16/0",
  score: 0.5,
  time: "2020-08-16T00:00:00Z",
  layer: "VIIRS",
  center: [-122.5, -3],
  label: null,
};

it("has what was said of each hit, in the order of the hits", () => {
  const hits = ["a", "b", "c"].map((chip) => ({ chip, score: 0.5, time: null, layer: null, center: null }));
  const rows = rowsOf(hits, { c: { id: "1", value: ["smoke"] }, b: { id: "2", value: null } });
  expect(rows.map(({ rank, chip, label }) => [rank, chip, label])).toEqual([
    [1, "a", null],
    [2, "b", "unsure"],
    [3, "c", "smoke"],
  ]);
});

describe("the list as CSV", () => {
  it("has a line for each hit, and numbers as numbers", () =>
    expect(asCsv([row])).toBe(
      "rank,chip,score,time,layer,longitude,latitude,label\r\n1,VIIRS/2020-08-16/0,0.5,2020-08-16T00:00:00Z,VIIRS,-122.5,-3,\r\n",
    ));

  it("leaves empty what is not known", () =>
    expect(asCsv([{ ...row, score: null, time: null, layer: null, center: null }])).toContain(
      "1,VIIRS/2020-08-16/0,,,,,,\r\n",
    ));

  it.each([
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t=1"],
    ['=HYPERLINK("x","y")', `"'=HYPERLINK(""x"",""y"")"`],
    ["smoke, thick", '"smoke, thick"'],
    ["two\nlines", '"two\nlines"'],
    ["a=b", "a=b"],
  ])("%j is written as %j", (label, written) =>
    expect(asCsv([{ ...row, label }])).toBe(`${asCsv([row]).slice(0, -2)}${written}\r\n`),
  );
});

describe("the list as GeoJSON", () => {
  it("has a point for each hit, longitude first", () => {
    const { type, features } = JSON.parse(asGeoJson([row]));
    expect(type).toBe("FeatureCollection");
    expect(features[0]).toMatchObject({
      type: "Feature",
      id: row.chip,
      geometry: { type: "Point", coordinates: [-122.5, -3] },
      properties: { rank: 1, score: 0.5, layer: "VIIRS" },
    });
  });

  it("keeps a hit without a place", () =>
    expect(JSON.parse(asGeoJson([{ ...row, center: null }])).features[0].geometry).toBeNull());
});
