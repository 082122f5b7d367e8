import { describe, expect, it } from "vitest";
import { filled, fitting, inView, lassoed, nearest, packColors, stamp, within, zoomed } from "./points";

const x = Float32Array.of(0, 1, 2, Number.NaN);
const y = Float32Array.of(0, 1, 0, 0);

/** How often a ray from the place to the right crosses the line. */
function holds(corners: readonly (readonly [number, number])[], px: number, py: number): boolean {
  let odd = false;
  for (const [at, [ax, ay]] of corners.entries()) {
    const [bx, by] = corners[(at + 1) % corners.length] as readonly [number, number];
    if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

describe("points", () => {
  it("finds what a box and a lasso hold, and no unknown places", () => {
    expect([...within([-1, -1, 3, 0.5], x, y)]).toEqual([0, 2]);
    expect([...within([-1, -1, 3, 0.5], x, y, Uint8Array.of(0, 1, 1, 1))]).toEqual([2]);
    const window = { scaleX: 10, shiftX: 5, scaleY: -10, shiftY: 15 }; // the points are at 5, 15; 15, 5; 25, 15
    expect([...lassoed([0, 10, 30, 10, 30, 20, 0, 20], x, y, window, 30, 20)]).toEqual([0, 2]);
    expect([...lassoed([0, 10, 30, 10, 30, 20, 0, 20], x, y, window, 30, 20, Uint8Array.of(1, 1, 0, 1))]).toEqual([0]);
    expect([...lassoed([0, 0, 30, 20], x, y, window, 30, 20)]).toEqual([]);
  });

  it("fills a line as it is seen: also beyond the edge, and where it crosses itself", () => {
    const square = (pixels: Uint8Array) => [0, 1, 2, 3].map((row) => pixels.slice(row * 4, row * 4 + 4).join(""));
    expect(square(filled([-5, 1, 2, 1, 2, 9, -5, 9], 4, 4))).toEqual(["0000", "1100", "1100", "1100"]);
    const twice = [0, 0, 3, 0, 3, 3, 0, 3];
    expect(square(filled([...twice, ...twice], 4, 4))).toEqual(["1110", "1110", "1110", "0000"]);
    expect(square(filled([0, 0, 3, 3, 3, 0, 0, 3], 4, 4))[1]).toBe("1010"); // an hourglass that lies on its side
  });

  it("fills any line as the rule of even and odd says where it does not cross itself", () => {
    const corners = Array.from({ length: 40 }, (_, at) => {
      const [turn, far] = [(at / 40) * 2 * Math.PI, 12 + 6 * Math.sin(at * 5)];
      return [20.3 + far * Math.cos(turn), 20.7 + far * Math.sin(turn)] as const;
    });
    const pixels = filled(corners.flat(), 40, 40);
    for (let pixel = 0; pixel < pixels.length; pixel++)
      expect(pixels[pixel]).toBe(Number(holds(corners, pixel % 40, Math.floor(pixel / 40))));
  });

  it("sees all of a cloud that it fits", () => {
    const window = fitting(x, y, 200, 100);
    expect([...within(inView(window, 200, 100), x, y)]).toEqual([0, 1, 2]);
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
