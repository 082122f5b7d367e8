/** The outer rings of whatever polygons a GeoJSON object holds; what is malformed is left out. */

export type Ring = [lon: number, lat: number][];

const isRing = (ring: unknown): ring is Ring =>
  Array.isArray(ring) &&
  ring.length > 2 &&
  ring.every((point) => Array.isArray(point) && Number.isFinite(point[0]) && Number.isFinite(point[1]));

export function polygonsOf(item: unknown): Ring[] {
  if (typeof item !== "object" || item === null) return [];
  const { type, coordinates, geometry, geometries, features } = item as Record<string, unknown>;
  const each = (list: unknown): Ring[] => (Array.isArray(list) ? list.flatMap(polygonsOf) : []);
  switch (type) {
    case "Polygon":
      return Array.isArray(coordinates) && isRing(coordinates[0]) ? [coordinates[0]] : [];
    case "MultiPolygon":
      return Array.isArray(coordinates)
        ? coordinates.flatMap((polygon) => (Array.isArray(polygon) && isRing(polygon[0]) ? [polygon[0]] : []))
        : [];
    case "Feature":
      return polygonsOf(geometry);
    case "GeometryCollection":
      return each(geometries);
    case "FeatureCollection":
      return each(features);
    default:
      return [];
  }
}

/**
 * The ring without a jump at longitude 180: it runs on beyond instead. One that goes around the whole globe, as
 * Antarctica does, is closed over its pole.
 */
export function unbroken(ring: Ring): Ring {
  let turn = 0;
  const line = ring.map(([lon, lat], at): [number, number] => {
    const before = ring[at - 1]?.[0] ?? lon;
    if (Math.abs(lon - before) > 180) turn += lon < before ? 360 : -360;
    return [lon + turn, lat];
  });
  const [first, last] = [line[0], line.at(-1)];
  if (!first || !last || Math.abs(last[0] - first[0]) < 180) return line;
  const pole = first[1] < 0 ? -90 : 90;
  return [...line, [last[0], pole], [first[0], pole]];
}

/** A ring around a pole is cut open along longitude 180 to hold in degrees: without the way to the pole and back. */
export const aroundThePole = (ring: Ring): Ring => ring.filter(([, lat]) => Math.abs(lat) < 90);
