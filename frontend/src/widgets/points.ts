/** Draws up to millions of points into a picture on the processor: no WebGL, so that it works everywhere, also under a
 * content security policy that forbids compiling code, and over remote desktops. */

export type Rgb = readonly [number, number, number];

/** Screen pixel = point × scale + shift; y grows upwards in the data. */
export interface Window2 {
  scaleX: number;
  shiftX: number;
  scaleY: number;
  shiftY: number;
}

const packed = ([red, green, blue]: Rgb, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** Colours as 32-bit values in the order of `ImageData` on little-endian machines, which all of them are. */
export const packColors = (colors: readonly Rgb[]): Uint32Array => Uint32Array.from(colors, (color) => packed(color));

/** Stamp the points `which` (all when null). A point whose colour index is `HIDDEN` or whose place is NaN is left out. */
export function stamp(
  pixels: Uint32Array,
  width: number,
  height: number,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  window: Window2,
  side: number,
  color: (index: number) => number,
  which: ArrayLike<number> | null = null,
): void {
  const count = which ? which.length : x.length;
  const low = Math.floor(side / 2);
  const corner = side >= 4 ? Math.max(1, Math.floor(side / 4)) : 0; // left out, so that larger points look round
  for (let step = 0; step < count; step++) {
    const index = which ? (which[step] as number) : step;
    const value = color(index);
    if (value === 0) continue;
    const left = Math.round((x[index] as number) * window.scaleX + window.shiftX) - low;
    const top = Math.round((y[index] as number) * window.scaleY + window.shiftY) - low;
    // Not a number fails every comparison, and so is left out too.
    if (!(left >= 0 && top >= 0 && left + side <= width && top + side <= height)) continue;
    for (let row = 0; row < side; row++) {
      const cut = row < corner || row >= side - corner ? corner : 0;
      const start = (top + row) * width + left;
      for (let column = start + cut; column < start + side - cut; column++) pixels[column] = value;
    }
  }
}

export type Box2 = readonly [west: number, south: number, east: number, north: number];

/** The points in a box of the data that pass (all when null), in ascending order. */
export function within(
  [west, south, east, north]: Box2,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  passing: Uint8Array | null = null,
): Uint32Array {
  const found = new Uint32Array(x.length);
  let count = 0;
  for (let index = 0; index < x.length; index++) {
    const [px, py] = [x[index] as number, y[index] as number];
    if (px >= west && px <= east && py >= south && py <= north && (!passing || passing[index])) found[count++] = index;
  }
  return found.slice(0, count);
}

/** The points drawn on a pixel inside a line on the screen that pass (all when null), in ascending order.
 *
 * The line is filled once and every point only looks its pixel up: what a lasso of hundreds of corners costs does not
 * depend on its corners, and what is chosen is what was seen inside. */
export function lassoed(
  line: readonly number[],
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  window: Window2,
  width: number,
  height: number,
  passing: Uint8Array | null = null,
): Uint32Array {
  const pixels = filled(line, width, height);
  const found = new Uint32Array(x.length);
  let count = 0;
  for (let index = 0; index < x.length; index++) {
    const left = Math.round((x[index] as number) * window.scaleX + window.shiftX);
    const top = Math.round((y[index] as number) * window.scaleY + window.shiftY);
    if (!(left >= 0 && top >= 0 && left < width && top < height)) continue; // nor is anything that is not a number
    if (pixels[top * width + left] && (!passing || passing[index])) found[count++] = index;
  }
  return found.slice(0, count);
}

/** 1 for every pixel inside a closed line of [x, y, x, y, …] that may cross itself, as SVG fills one. */
export function filled(line: readonly number[], width: number, height: number): Uint8Array {
  const turns = new Int16Array(width * height); // where along its row the line begins and ends to go round a pixel
  for (let at = 0; at < line.length; at += 2) {
    const [ax, ay] = [line[at] as number, line[at + 1] as number];
    const [bx, by] = [line[(at + 2) % line.length] as number, line[(at + 3) % line.length] as number];
    const last = Math.min(height, Math.ceil(Math.max(ay, by)));
    for (let row = Math.max(0, Math.ceil(Math.min(ay, by))); row < last; row++) {
      const column = Math.max(0, Math.ceil(ax + ((bx - ax) * (row - ay)) / (by - ay)));
      const pixel = row * width + column;
      if (column < width) turns[pixel] = (turns[pixel] as number) + (by > ay ? 1 : -1);
    }
  }
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    let around = 0;
    for (let pixel = row * width; pixel < (row + 1) * width; pixel++) {
      around += turns[pixel] as number;
      if (around !== 0) pixels[pixel] = 1;
    }
  }
  return pixels;
}

/** The point nearest to a place on the screen, within `reach` pixels; -1 when there is none. */
export function nearest(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  window: Window2,
  at: readonly [number, number],
  reach = 10,
): number {
  let best = -1;
  let least = reach * reach;
  for (let index = 0; index < x.length; index++) {
    const dx = (x[index] as number) * window.scaleX + window.shiftX - at[0];
    const dy = (y[index] as number) * window.scaleY + window.shiftY - at[1];
    const distance = dx * dx + dy * dy;
    if (distance <= least) {
      least = distance;
      best = index;
    }
  }
  return best;
}

/** The whole cloud in view, with a margin, both axes at the same scale. */
export function fitting(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  width: number,
  height: number,
  margin = 16,
): Window2 {
  let [west, east, south, north] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Infinity, -Infinity];
  for (let index = 0; index < x.length; index++) {
    const [px, py] = [x[index] as number, y[index] as number];
    if (px < west) west = px;
    if (px > east) east = px;
    if (py < south) south = py;
    if (py > north) north = py;
  }
  if (!(west <= east && south <= north)) [west, east, south, north] = [-1, 1, -1, 1];
  const scale = Math.min(
    Math.max(1, width - 2 * margin) / Math.max(east - west, 1e-9),
    Math.max(1, height - 2 * margin) / Math.max(north - south, 1e-9),
  );
  return {
    scaleX: scale,
    shiftX: width / 2 - ((west + east) / 2) * scale,
    scaleY: -scale,
    shiftY: height / 2 + ((south + north) / 2) * scale,
  };
}

export function zoomed(window: Window2, factor: number, [x, y]: readonly [number, number]): Window2 {
  return {
    scaleX: window.scaleX * factor,
    shiftX: x + (window.shiftX - x) * factor,
    scaleY: window.scaleY * factor,
    shiftY: y + (window.shiftY - y) * factor,
  };
}

/** The part of the data that is on the screen. */
export function inView({ scaleX, shiftX, scaleY, shiftY }: Window2, width: number, height: number): Box2 {
  const [west, east] = [-shiftX / scaleX, (width - shiftX) / scaleX];
  const [north, south] = [-shiftY / scaleY, (height - shiftY) / scaleY];
  return [west, south, east, north];
}
