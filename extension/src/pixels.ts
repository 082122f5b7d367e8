/** Where a pixel of the screen is on Worldview's map, and the other way round. */

/** Left, bottom, right, top in units of the map's projection. */
export type Rectangle = [left: number, bottom: number, right: number, top: number];
export type Point = [x: number, y: number];

/** What the map shows, and on how many pixels. */
export interface MapOnScreen {
  /** The smallest rectangle around all that is on the screen, as the link has it. */
  view: Rectangle;
  /** Width and height in CSS pixels. */
  size: [width: number, height: number];
  /** Degrees by which the map is turned clockwise. */
  rotation: number;
}

/** The place on the map of a pixel, counted from the upper left corner. */
export function pixelToMap([x, y]: Point, map: MapOnScreen): Point {
  const { center, resolution, sine, cosine } = frame(map);
  const right = (x - map.size[0] / 2) * resolution;
  const up = (map.size[1] / 2 - y) * resolution;
  return [center[0] + right * cosine - up * sine, center[1] + right * sine + up * cosine];
}

/** The pixel of a place on the map; it may lie outside the screen. */
export function mapToPixel([x, y]: Point, map: MapOnScreen): Point {
  const { center, resolution, sine, cosine } = frame(map);
  const [east, north] = [x - center[0], y - center[1]];
  const right = east * cosine + north * sine;
  const up = north * cosine - east * sine;
  return [map.size[0] / 2 + right / resolution, map.size[1] / 2 - up / resolution];
}

/** The smallest rectangle of the map around two opposite corners on the screen. */
export function rectangleOnMap(one: Point, other: Point, map: MapOnScreen): Rectangle {
  const corners = [one, other, [one[0], other[1]] as Point, [other[0], one[1]] as Point].map((pixel) =>
    pixelToMap(pixel, map),
  );
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** As OpenLayers has it: what is on the screen holds the view as a whole, with square pixels. */
function frame({ view: [left, bottom, right, top], size: [width, height], rotation }: MapOnScreen) {
  const turn = (rotation * Math.PI) / 180;
  const [sine, cosine] = [Math.sin(turn), Math.cos(turn)];
  const across = width * Math.abs(cosine) + height * Math.abs(sine);
  const down = width * Math.abs(sine) + height * Math.abs(cosine);
  const resolution = Math.max((right - left) / across, (top - bottom) / down);
  return { center: [(left + right) / 2, (bottom + top) / 2] as Point, resolution, sine, cosine };
}
