import { describe, expect, it } from "vitest";
import { between, centred, moved, resized, SMALLEST } from "./areas";

const map = { left: 100, top: 50, width: 800, height: 600 };
const area = { left: 400, top: 300, width: 100, height: 80 };

describe("a rectangle on the map", () => {
  it("begins in the middle with the size of a chip", () =>
    expect(centred(map, 200, 100)).toEqual({ left: 400, top: 300, width: 200, height: 100 }));

  it("is never larger than the map nor too small to hold", () => {
    expect(centred(map, 5000, 5000)).toMatchObject({ width: 720, height: 540 });
    expect(centred(map, 1, 1)).toMatchObject({ width: SMALLEST, height: SMALLEST });
  });

  it("moves, and stops at the edges", () => {
    expect(moved(area, map, 10, -10)).toEqual({ ...area, left: 410, top: 290 });
    expect(moved(area, map, 9999, 9999)).toEqual({ ...area, left: 800, top: 570 });
    expect(moved(area, map, -9999, -9999)).toEqual({ ...area, left: 100, top: 50 });
  });

  it("is resized by any corner, while the opposite one stays", () => {
    expect(resized(area, map, "se", 20, 30)).toEqual({ left: 400, top: 300, width: 120, height: 110 });
    expect(resized(area, map, "nw", -20, -30)).toEqual({ left: 380, top: 270, width: 120, height: 110 });
    expect(resized(area, map, "ne", 20, 30)).toEqual({ left: 400, top: 330, width: 120, height: 50 });
    expect(resized(area, map, "sw", -20, 30)).toEqual({ left: 380, top: 300, width: 120, height: 110 });
  });

  it("turns over when a corner is drawn past the opposite one", () =>
    expect(resized(area, map, "se", -150, 0)).toEqual({ left: 350, top: 300, width: 50, height: 80 }));

  it("is drawn anew from any side, and a click makes the smallest one inside the map", () => {
    expect(between(500, 400, 300, 200, map)).toEqual({ left: 300, top: 200, width: 200, height: 200 });
    expect(between(900, 650, 900, 650, map)).toEqual({ left: 876, top: 626, width: SMALLEST, height: SMALLEST });
  });
});
