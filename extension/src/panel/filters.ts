/** Dates and places as the panel asks for them, and as a search takes them. */
import proj4 from "proj4";
import { plainBox, polarBox } from "../../../frontend/src/widgets/geo";
import type { Crs, Link } from "../permalink";
import type { Point } from "../pixels";

const POLES = {
  "EPSG:3413": { pole: 90, text: "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m" },
  "EPSG:3031": { pole: -90, text: "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84 +units=m" },
} as const;

type Box = readonly [west: number, south: number, east: number, north: number];

/** Longitude, from -180 to 180, and latitude of a place on a map. */
export function toDegrees([x, y]: Point, crs: Crs): Point {
  return crs === "EPSG:4326" ? [wrap(x), y] : proj4(POLES[crs].text, "EPSG:4326").forward<Point>([x, y]);
}

/** What is on the screen of Worldview, as a box in degrees. */
export function boxOfView({ view, crs }: Pick<Link, "view" | "crs">): Box {
  if (crs === "EPSG:4326") return plainBox(view);
  return polarBox(view, (x, y) => toDegrees([x, y], crs), POLES[crs].pole);
}

const FIRST = "1900-01-01";
const LAST = "2100-01-01";

/** A range of days, either end of which may be open, in the words of the search. */
export const datesBetween = (from: string, to: string): string => (from || to ? `${from || FIRST}/${to || LAST}` : "");

export function daysOf(dates: string): { from: string; to: string } {
  const [from = "", to = ""] = dates.split("/");
  return { from: from === FIRST ? "" : from, to: to === LAST ? "" : to };
}

/** A box around a chip with as much around it as shows where it is; west > east crosses longitude 180. */
export function around({
  west,
  south,
  east,
  north,
}: {
  west: number;
  south: number;
  east: number;
  north: number;
}): [number, number, number, number] {
  const wide = (west > east ? east + 360 : east) - west;
  const high = north - south;
  if (wide >= 120) return [-180, Math.max(-90, south - high), 180, Math.min(90, north + high)];
  return [wrap(west - wide), Math.max(-90, south - high), wrap(east + wide), Math.min(90, north + high)];
}

const wrap = (lon: number) => (lon < -180 ? lon + 360 : lon > 180 ? lon - 360 : lon);

/** "12.3° N, 4.5° W". */
export function placeOf([lon, lat]: readonly [number, number]): string {
  const side = (value: number, plus: string, minus: string) =>
    `${Math.abs(value).toFixed(1)}° ${value < 0 ? minus : plus}`;
  return `${side(lat, "N", "S")}, ${side(lon, "E", "W")}`;
}
