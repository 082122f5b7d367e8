/** An order of imagery as the address of the page has it, and as the API wants it. */
import { type Place, readPlace, writePlace } from "./place";

export type Crs = "EPSG:4326" | "EPSG:3413" | "EPSG:3031";

export interface Order {
  place: Place | null;
  layers: string[];
  from: string; // a day, or empty
  to: string;
  every: number; // days
  crs: Crs;
  zoom: number | null;
  chipSize: number | null;
  stride: number | null;
  minValid: number;
  mask: string; // a layer that says where there is no data, or empty
  clouds: string; // a layer of the cloud fraction, or empty
  maxClouds: number; // counts with such a layer
  edge: "touch" | "within";
}

const CRSES: readonly string[] = ["EPSG:4326", "EPSG:3413", "EPSG:3031"];
const MOST_IN_ADDRESS = 4000; // longer regions stay in the tab

const numberIn = (params: URLSearchParams, name: string): number | null => {
  const text = params.get(name);
  const number = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : null;
};

export function readOrder(params: URLSearchParams): Order {
  const place = readPlace(params.get("place") ?? "");
  const crs = params.get("crs") ?? "";
  return {
    place: typeof place === "string" ? null : place,
    layers: (params.get("layers") ?? "").split(",").filter(Boolean),
    from: params.get("from") ?? "",
    to: params.get("to") ?? "",
    every: Math.max(1, numberIn(params, "every") ?? 1),
    crs: (CRSES.includes(crs) ? crs : "EPSG:4326") as Crs,
    zoom: numberIn(params, "zoom"),
    chipSize: numberIn(params, "size"),
    stride: numberIn(params, "stride"),
    minValid: numberIn(params, "valid") ?? 0.5,
    mask: params.get("mask") ?? "",
    clouds: params.get("clouds") ?? "",
    maxClouds: Math.min(1, Math.max(0, numberIn(params, "cloudy") ?? 1)),
    edge: params.get("edge") === "within" ? "within" : "touch",
  };
}

/** Only what is not as usual, so that links stay short. */
export function writeOrder(order: Order): URLSearchParams {
  const place = writePlace(order.place);
  const all: Record<string, string | number | null> = {
    place: place.length <= MOST_IN_ADDRESS ? place : null,
    layers: order.layers.join(","),
    from: order.from,
    to: order.to,
    every: order.every === 1 ? null : order.every,
    crs: order.crs === "EPSG:4326" ? null : order.crs,
    zoom: order.zoom,
    size: order.chipSize,
    stride: order.stride,
    valid: order.minValid === 0.5 ? null : order.minValid,
    mask: order.mask,
    clouds: order.clouds,
    cloudy: order.clouds && order.maxClouds < 1 ? order.maxClouds : null,
    edge: order.edge === "touch" ? null : order.edge,
  };
  const said = Object.entries(all).flatMap(([name, value]) =>
    value === null || value === "" ? [] : [[name, String(value)] as [string, string]],
  );
  return new URLSearchParams(said);
}

/** The fields of a download job; null while something is missing that it needs. */
export function parametersOf(order: Order): Record<string, unknown> | null {
  const { place } = order;
  const cut = {
    ...(order.zoom !== null && { zoom: order.zoom }),
    ...(order.chipSize !== null && { chip_size: order.chipSize }),
    ...(order.chipSize !== null && order.stride !== null && { stride: order.stride }),
    min_valid: order.minValid,
    ...(order.mask && { mask: order.mask }),
    ...(order.clouds && { clouds: order.clouds, max_clouds: order.maxClouds }),
    ...(order.edge !== "touch" && { edge: order.edge }),
  };
  const layers = order.layers.length ? { layers: order.layers } : {};
  const dates = datesOf(order);
  const when = dates && { dates };
  if (place?.kind === "worldview") return { worldview: place.link, ...layers, ...when, ...cut };
  if (!place || order.layers.length === 0) return null;
  const where = place.kind === "bbox" ? { bbox: place.bbox } : { region: place.region };
  return { ...where, ...layers, ...when, crs: order.crs, ...cut };
}

/** What the server understood of a link. */
export interface Understood {
  layers: readonly string[];
  crs: string;
  start: string | null;
  end: string | null;
}

/** The order with what its link says, for the eye; what was chosen here counts instead of it. */
export function withLink(order: Order, [first]: readonly Understood[]): Order {
  if (order.place?.kind !== "worldview" || !first) return order;
  const days = order.from || !first.start ? {} : daysIn(first.start, first.end);
  const layers = order.layers.length > 0 ? order.layers : [...first.layers];
  return { ...order, layers, crs: (CRSES.includes(first.crs) ? first.crs : order.crs) as Crs, ...days };
}

/** The end of an order is the instant after its last one. */
export function daysIn(start: string, end: string | null): { from: string; to: string } {
  const last = end ? new Date(Date.parse(end) - 1000).toISOString() : start;
  return { from: start.slice(0, 10), to: last.slice(0, 10) };
}

export function datesOf({ from, to, every }: Pick<Order, "from" | "to" | "every">): string {
  if (!from) return "";
  const until = to && to >= from ? to : from;
  return every > 1 ? `${from}/${until}/P${every}D` : `${from}/${until}`;
}

/** What is still missing, in a sentence. */
export function missing(order: Order): string | null {
  if (!order.place) return "Say where: draw on the map, or paste a place.";
  if (order.place.kind !== "worldview" && order.layers.length === 0) return "Choose a layer.";
  return null;
}

const time = (day: string): number => Date.parse(`${day}T00:00:00Z`);

/** Where the chosen days lie within what a layer has, 0 to 1 each; null when it cannot be told. */
export function coverage(first: string | null, last: string | null, from: string, to: string): [number, number] | null {
  if (!first || !last || !from) return null;
  const [start, span] = [time(first), Math.max(1, time(last) - time(first))];
  const place = (day: string) => Math.min(1, Math.max(0, (time(day) - start) / span));
  return [place(from), place(to || from)];
}

/** Whether a layer has anything on these days, as far as the catalogue knows. */
export const covers = (
  first: string | null,
  last: string | null,
  ongoing: boolean | null,
  from: string,
  to: string,
): boolean => !from || ((!first || (to || from) >= first) && (!last || ongoing === true || from <= last));
