import { describe, expect, test } from "vitest";
import shared from "../../tests/permalinks.json";
import { toDegrees } from "./panel/filters";
import type { Crs } from "./permalink";
import { type MapOnScreen, mapToPixel, type Point, pixelToMap, type Rectangle, rectangleOnMap } from "./pixels";

const FLAT: MapOnScreen = { view: [-10, 40, 10, 50], size: [200, 100], rotation: 0 };
/** 100 x 50 pixels of 2 metres: turned by a quarter, 100 m lie across and 200 m down. */
const TURNED: MapOnScreen = { view: [-50, -100, 50, 100], size: [100, 50], rotation: 90 };

const close = (found: readonly number[], expected: readonly number[], digits = 9) => {
  expect(found).toHaveLength(expected.length);
  found.forEach((number, place) => {
    expect(number).toBeCloseTo(expected[place] ?? Number.NaN, digits);
  });
};

describe("a pixel is where the shared table says", () => {
  test.each(shared.pixels)("$name", ({ pixel, place, degrees, crs, ...screen }) => {
    const map: MapOnScreen = { ...screen, view: screen.view as Rectangle, size: screen.size as Point };
    close(pixelToMap(pixel as Point, map), place, crs === "EPSG:4326" ? 8 : 3);
    close(mapToPixel(place as Point, map), pixel, 5);
    close(toDegrees(pixelToMap(pixel as Point, map), crs as Crs), degrees, 7);
  });
});

describe("pixels and the map", () => {
  test.each<[Point, Point]>([
    [
      [0, 0],
      [-10, 50],
    ],
    [
      [200, 100],
      [10, 40],
    ],
    [
      [100, 50],
      [0, 45],
    ],
    [
      [-20, 0],
      [-12, 50],
    ],
  ])("pixel %j is at %j", (pixel, place) => {
    close(pixelToMap(pixel, FLAT), place);
    close(mapToPixel(place, FLAT), pixel);
  });

  test("on a map that is turned clockwise by a quarter, up on the screen is west", () => {
    // What lay to the north points to the right of the screen.
    close(pixelToMap([50, 0], TURNED), [-50, 0]);
    close(pixelToMap([100, 25], TURNED), [0, 100]);
    close(mapToPixel([0, 100], TURNED), [100, 25]);
  });

  test.each([0, 17, 45, 90, 135, 180, -30, 359])("turned by %d degrees, there and back is the same", (rotation) => {
    const map: MapOnScreen = { view: [-1000, -500, 3000, 2500], size: [800, 600], rotation };
    close(pixelToMap(mapToPixel([123, 456], map), map), [123, 456]);
    close(pixelToMap([400, 300], map), [1000, 1000]);
  });

  test.each([0, 30, 200])("turned by %d degrees, the screen fills the view of its link", (rotation) => {
    const turn = (rotation * Math.PI) / 180;
    const [sine, cosine] = [Math.abs(Math.sin(turn)), Math.abs(Math.cos(turn))];
    const [across, down] = [5 * (800 * cosine + 600 * sine), 5 * (800 * sine + 600 * cosine)]; // 5 m a pixel
    const map: MapOnScreen = { view: [-across / 2, -down / 2, across / 2, down / 2], size: [800, 600], rotation };
    close(rectangleOnMap([0, 0], [800, 600], map), map.view);
  });

  test("a view of another shape is shown as a whole", () => {
    const narrow: MapOnScreen = { ...FLAT, view: [-1, 40, 1, 50] };
    close(pixelToMap([0, 0], narrow), [-10, 50]);
  });

  test("a rectangle is the same whichever corner was first", () => {
    close(rectangleOnMap([20, 80], [60, 10], FLAT), [-8, 42, -4, 49]);
    close(rectangleOnMap([60, 10], [20, 80], FLAT), [-8, 42, -4, 49]);
  });

  test("a rectangle on a turned map is the smallest around it", () => {
    close(rectangleOnMap([0, 0], [50, 25], TURNED), [-50, -100, 0, 0]);
  });
});
