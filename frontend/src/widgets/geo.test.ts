import { describe, expect, it } from "vitest";
import { arc, outline, plainBox, polarBox } from "./geo";
import { land } from "./land";

/** A simple polar projection: the distance from the pole in degrees, longitude 0 downwards. */
const north = (x: number, y: number): [number, number] => [(Math.atan2(x, -y) * 180) / Math.PI, 90 - Math.hypot(x, y)];

describe("plainBox", () => {
  it("knows a box across longitude 180", () => expect(plainBox([170, -10, 200, 10])).toEqual([170, -10, -160, 10]));
  it("knows one on a copy of the world", () => expect(plainBox([-380, 0, -370, 5])).toEqual([-20, 0, -10, 5]));
  it("ends at the poles and around the world", () =>
    expect(plainBox([-300, -100, 300, 95])).toEqual([-180, -90, 180, 90]));
  it("may end at 180", () => expect(plainBox([100, 0, 180, 5])).toEqual([100, 0, 180, 5]));
});

describe("polarBox", () => {
  it("holds the pole", () => {
    const [west, south, east, top] = polarBox([-10, -10, 10, 10], north, 90);
    expect([west, east, top]).toEqual([-180, 180, 90]);
    expect(south).toBeCloseTo(90 - Math.hypot(10, 10));
  });
  it("crosses longitude 180 beyond the pole", () => {
    const [west, , east] = polarBox([-10, 10, 10, 20], north, 90);
    expect(west).toBeCloseTo(135);
    expect(east).toBeCloseTo(-135);
  });
});

describe("arc", () => {
  it("leaves out the widest gap", () => {
    expect(arc([10, 20, 30])).toEqual([10, 30]);
    expect(arc([-170, 175, 179])).toEqual([175, -170]);
  });
});

describe("outline", () => {
  it("goes on to the east of 180", () => {
    const line = outline([170, -10, -170, 10]);
    expect(line[0]).toEqual([170, -10]);
    expect(Math.max(...line.map(([lon]) => lon))).toBe(190);
  });
});

describe("land", () => {
  it("is closed rings of degrees", () => {
    const rings = land();
    expect(rings.length).toBeGreaterThan(100);
    for (const ring of rings) expect(ring.at(-1)).toEqual(ring[0]);
    expect(rings.flat().every(([lon, lat]) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90)).toBe(true);
  });
});
