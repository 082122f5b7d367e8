/** Where imagery is wanted, read from what a person types, pastes or opens. */

export type Geometry = Record<string, unknown>;
export type Bbox = [west: number, south: number, east: number, north: number];

export type Place =
  | { kind: "bbox"; bbox: Bbox }
  | { kind: "region"; region: Geometry }
  | { kind: "worldview"; link: string };

/** What the text says, or a sentence about what is wrong with it. */
export function readPlace(text: string): Place | string {
  const given = text.trim();
  if (!given) return "Draw on the map, or paste a place.";
  if (given.startsWith("{")) return readRegion(given);
  if (/^https?:\/\//i.test(given)) return readLink(given);
  return readBbox(given);
}

function readRegion(text: string): Place | string {
  let region: unknown;
  try {
    region = JSON.parse(text);
  } catch {
    return "This begins like GeoJSON, but it is not JSON.";
  }
  const { type } = region as Geometry;
  if (typeof type !== "string") return 'GeoJSON has a "type", for example "Polygon".';
  if (!JSON.stringify(region).includes('Polygon"')) return "This GeoJSON has no polygons.";
  return { kind: "region", region: region as Geometry };
}

function readLink(text: string): Place | string {
  try {
    const { hostname } = new URL(text);
    if (!/worldview/i.test(hostname)) return "This is a link, but not one to NASA Worldview.";
    return { kind: "worldview", link: text };
  } catch {
    return "This link cannot be read.";
  }
}

function readBbox(text: string): Place | string {
  const numbers = text.split(/[\s,;]+/).map(Number);
  if (numbers.length !== 4 || numbers.some((number) => !Number.isFinite(number)))
    return "Give west, south, east, north in degrees, such as -10, 30, 10, 45.";
  const [west, south, east, north] = numbers as Bbox;
  if (Math.abs(west) > 180 || Math.abs(east) > 180) return "Longitudes are from -180 to 180.";
  if (Math.abs(south) > 90 || Math.abs(north) > 90) return "Latitudes are from -90 to 90.";
  if (south >= north) return "South must be less than north.";
  return { kind: "bbox", bbox: [west, south, east, north] };
}

export const writePlace = (place: Place | null): string => {
  if (!place) return "";
  if (place.kind === "bbox") return place.bbox.map((edge) => Math.round(edge * 1e4) / 1e4).join(", ");
  return place.kind === "region" ? JSON.stringify(place.region) : place.link;
};
