import { describe, expect, it } from "vitest";
import { fitting, inside, inView, nearest, packColors, stamp, zoomed } from "./points";

const x = Float32Array.of(0, 1, 2, Number.NaN);
const y = Float32Array.of(0, 1, 0, 0);

describe("points", () => {
  it("finds what a lasso holds, and no unknown places", () => {
    expect([...inside([-1, -1, 3, -1, 3, 0.5, -1, 0.5], x, y)]).toEqual([0, 2]);
    expect([...inside([0, 0, 1, 1], x, y)]).toEqual([]);
  });

  it("sees all of a cloud that it fits", () => {
    const window = fitting(x, y, 200, 100);
    expect([...inside(inView(window, 200, 100), x, y)]).toEqual([0, 1, 2]);
    expect(nearest(x, y, window, [2 * window.scaleX + window.shiftX, window.shiftY + 2])).toBe(2);
    expect(nearest(x, y, window, [0, 0], 2)).toBe(-1);
  });

  it("keeps the place under the pointer when it zooms", () => {
    const window = fitting(x, y, 200, 100);
    const closer = zoomed(window, 2, [50, 40]);
    expect((50 - closer.shiftX) / closer.scaleX).toBeCloseTo((50 - window.shiftX) / window.scaleX);
  });

  it("draws points, and leaves out those outside and those without a colour", () => {
    const pixels = new Uint32Array(100);
    const [red = 0] = packColors([[255, 0, 0]]);
    const plain = { scaleX: 1, shiftX: 5, scaleY: 1, shiftY: 5 };
    stamp(pixels, 10, 10, [0, 100, 2], [0, 0, 2], plain, 1, (index) => (index === 2 ? 0 : red));
    expect(pixels.filter(Boolean)).toHaveLength(1);
    expect(pixels[55]).toBe(0xff0000ff);
  });
});
