/** Boxes of longitude and latitude from what was drawn on a map. */
export type Edges = readonly [west: number, south: number, east: number, north: number];
type Place = (x: number, y: number) => readonly [lon: number, lat: number];

const wrap = (lon: number) => ((((lon + 180) % 360) + 360) % 360) - 180;

/** Of a rectangle on a plain map of degrees, which may lie across longitude 180 or on a copy of the world. */
export function plainBox([west, south, east, north]: Edges): Edges {
  const [low, high] = [Math.max(south, -90), Math.min(north, 90)];
  if (east - west >= 360) return [-180, low, 180, high];
  const [from, to] = [wrap(west), wrap(east)];
  return [from, low, to === -180 ? 180 : to, high];
}

/** The smallest box around a rectangle on a polar map. It may hold the pole, and may cross longitude 180. */
export function polarBox([left, bottom, right, top]: Edges, place: Place, pole: 90 | -90): Edges {
  const around: [number, number][] = [];
  for (let step = 0; step < 64; step++) {
    const x = left + ((right - left) * step) / 64;
    const y = bottom + ((top - bottom) * step) / 64;
    around.push([x, bottom], [right, y], [right - (x - left), top], [left, top - (y - bottom)]);
  }
  const places = around.map(([x, y]) => place(x, y));
  const lats = places.map(([, lat]) => lat);
  const lowest = Math.min(...lats);
  const highest = Math.max(...lats);
  // The projection's origin is the pole.
  if (left <= 0 && right >= 0 && bottom <= 0 && top >= 0)
    return pole === 90 ? [-180, lowest, 180, 90] : [-180, -90, 180, highest];
  const [west, east] = arc(places.map(([lon]) => wrap(lon)));
  return [west, lowest, east, highest];
}

/** The shortest arc that holds all of these longitudes: all but the widest gap between neighbours. */
export function arc(lons: readonly number[]): [west: number, east: number] {
  const sorted = [...lons].sort((one, other) => one - other);
  const first = sorted[0] ?? -180;
  let widest = first + 360 - (sorted.at(-1) ?? 180);
  let [west, east] = [first, sorted.at(-1) ?? 180];
  for (let at = 1; at < sorted.length; at++) {
    const [before = 0, after = 0] = [sorted[at - 1], sorted[at]];
    if (after - before > widest) {
      widest = after - before;
      [west, east] = [after, before];
    }
  }
  return [west, east];
}

/** The line around a box, with enough corners to look right on any map; east of 180 when it crosses. */
export function outline([west, south, east, north]: Edges): [number, number][] {
  const far = east < west ? east + 360 : east;
  const steps = Math.max(2, Math.ceil((far - west) / 2));
  const lons = Array.from({ length: steps + 1 }, (_, at) => west + ((far - west) * at) / steps);
  return [
    ...lons.map((lon): [number, number] => [lon, south]),
    ...lons.reverse().map((lon): [number, number] => [lon, north]),
  ];
}
