import { describe, expect, it } from "vitest";
import { around, boxOfView, datesBetween, daysOf, placeOf } from "./filters";

describe("the view as a box", () => {
  it("is the view itself on the geographic map", () =>
    expect(boxOfView({ crs: "EPSG:4326", view: [-10, 0, 20, 30] })).toEqual([-10, 0, 20, 30]));

  it("crosses longitude 180 when the view does", () =>
    expect(boxOfView({ crs: "EPSG:4326", view: [170, 0, 200, 30] })).toEqual([170, 0, -160, 30]));

  it("holds the pole when a polar view does", () => {
    const [west, south, east, north] = boxOfView({ crs: "EPSG:3413", view: [-1e6, -1e6, 1e6, 1e6] });
    expect([west, east, north]).toEqual([-180, 180, 90]);
    expect(south).toBeCloseTo(76.8, 0);
  });

  it("is small beside the pole", () => {
    // Around 45 degrees west, where the arctic map looks straight down from its pole.
    const [west, south, east, north] = boxOfView({ crs: "EPSG:3413", view: [-1e5, -2.1e6, 1e5, -1.9e6] });
    expect([west, east].map(Math.round)).toEqual([-48, -42]);
    expect(south).toBeGreaterThan(69);
    expect(north).toBeLessThan(74);
  });
});

describe("days", () => {
  it.each([
    ["", "", ""],
    ["2020-08-16", "2020-08-22", "2020-08-16/2020-08-22"],
    ["2020-08-16", "", "2020-08-16/2100-01-01"],
    ["", "2020-08-22", "1900-01-01/2020-08-22"],
  ])("from %j to %j are %j, and back", (from, to, dates) => {
    expect(datesBetween(from, to)).toBe(dates);
    expect(daysOf(dates)).toEqual({ from, to });
  });
});

describe("where to fly", () => {
  const box = (west: number, south: number, east: number, north: number) => ({ west, south, east, north });
  it("is the chip with its surroundings", () => expect(around(box(10, 20, 12, 21))).toEqual([8, 19, 14, 22]));
  it("crosses longitude 180 with the chip, and beside it", () => {
    expect(around(box(179, 0, -179, 1))).toEqual([177, -1, -177, 2]);
    expect(around(box(178, 0, 180, 1))).toEqual([176, -1, -178, 2]);
  });
  it("stays on the globe", () => {
    expect(around(box(0, 89, 1, 90))).toEqual([-1, 88, 2, 90]);
    expect(around(box(-180, -90, 180, 90))).toEqual([-180, -90, 180, 90]);
  });
});

it("says a place as people do", () => expect(placeOf([-8.44, 12.06])).toBe("12.1° N, 8.4° W"));
