/** All chips as arrays, for the views of everything at once: one binary answer, read without parsing. */
import { BASE, faultOf } from "../api/client";
import { type LabelMap, saidAmong } from "./labelMap";
import { type Filtering, filtered } from "./query";

export interface MapData {
  chips: number;
  placed: number;
  located: number;
  dated: number;
  layers: string[];
  folders: string[];
  encoder: string | null;
  method: "none" | "principal" | "spread";
  laid_out: number;
  version: string;
  x: Float32Array;
  y: Float32Array;
  lon: Float32Array;
  lat: Float32Array;
  time: Float64Array; // milliseconds
  layer: Uint16Array;
  folder: Uint16Array;
}

export const NO_NAME = 65_535;

interface Column {
  name: string;
  type: string;
  offset: number;
}

/** Four bytes of length, JSON of that length, then the arrays where the JSON says they begin. */
export function readArrays(content: ArrayBuffer) {
  const length = new DataView(content).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, length)));
  const columns = new Map<string, Column>(head.columns.map((column: Column) => [column.name, column]));
  const at = (name: string) => columns.get(name)?.offset ?? 0;
  return {
    head,
    doubles: (name: string) => new Float64Array(content, at(name), head.chips),
    floats: (name: string) => new Float32Array(content, at(name), head.chips),
    words: (name: string) => new Uint16Array(content, at(name), head.chips),
    bytes: (name: string) => new Uint8Array(content, at(name), head.chips),
  };
}

export function decode(content: ArrayBuffer): MapData {
  const { head, doubles, floats, words } = readArrays(content);
  return {
    ...head,
    x: floats("x"),
    y: floats("y"),
    lon: floats("lon"),
    lat: floats("lat"),
    time: doubles("time").map((seconds) => seconds * 1000),
    layer: words("layer"),
    folder: words("folder"),
  };
}

async function fetchBinary(path: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(`${BASE}${path}`, { signal });
  if (!response.ok) throw await faultOf(response);
  return response.arrayBuffer();
}

export const fetchArrays = async (path: string, signal: AbortSignal) => readArrays(await fetchBinary(path, signal));

/** The map of all chips, for `useQuery` and `fetchQuery`. */
export const WHOLE_MAP = {
  queryKey: ["map"],
  queryFn: async ({ signal }: { signal: AbortSignal }) => decode(await fetchBinary("api/v1/map", signal)),
  staleTime: 60_000,
  structuralSharing: false, // the arrays are large, and never changed in place
};

/** Which chips pass the filter, as the server decides it: a value that is unknown passes no condition on it. */
export function passing(
  map: MapData,
  filter: {
    box: readonly number[] | null;
    start: number;
    end: number;
    layers: readonly string[];
    folders: readonly string[];
  },
): Uint8Array {
  const layers = new Set(filter.layers.map((name) => map.layers.indexOf(name)));
  const folders = new Set(filter.folders.map((name) => map.folders.indexOf(name)));
  const dated = Number.isFinite(filter.start) || Number.isFinite(filter.end);
  const result = new Uint8Array(map.chips);
  for (let chip = 0; chip < map.chips; chip++) {
    if (layers.size && !layers.has(map.layer[chip] as number)) continue;
    if (folders.size && !folders.has(map.folder[chip] as number)) continue;
    const time = map.time[chip] as number;
    if (dated && !(time >= filter.start && time < filter.end)) continue;
    if (filter.box && !holds(filter.box, map.lon[chip] as number, map.lat[chip] as number)) continue;
    result[chip] = 1;
  }
  return result;
}

function holds([west = 0, south = 0, east = 0, north = 0]: readonly number[], lon: number, lat: number): boolean {
  if (!(lat >= south && lat <= north)) return false;
  return west <= east ? lon >= west && lon <= east : lon >= west || lon <= east;
}

/** As `passing`, by what the address says, and by what was said in the task that is shown; null: all pass. */
export function passingQuery(map: MapData, query: Filtering, labels: LabelMap | null) {
  if (!filtered(query)) return null;
  const [start, end] = instants(query.dates);
  const result = passing(map, { ...query, start, end });
  if (labels && query.labels.length > 0) {
    const said = saidAmong(labels, query.labels);
    for (let chip = 0; chip < result.length; chip++) if (result[chip] && !said(chip)) result[chip] = 0;
  }
  return result;
}

/** The numbers of the chips that pass, ascending. */
export function numbersOf(pass: Uint8Array): Uint32Array {
  const numbers = new Uint32Array(pass.length);
  let count = 0;
  for (let chip = 0; chip < pass.length; chip++) if (pass[chip]) numbers[count++] = chip;
  return numbers.slice(0, count);
}

/** The instants that a filter like `2020-08/2020-10` covers; -∞ to ∞ when it is empty. */
export function instants(dates: string): [start: number, end: number] {
  if (!dates) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const [from = "", to = from] = dates.split("/");
  const end = new Date(to);
  if (to.length <= 4) end.setUTCFullYear(end.getUTCFullYear() + 1);
  else if (to.length <= 7) end.setUTCMonth(end.getUTCMonth() + 1);
  else end.setUTCDate(end.getUTCDate() + 1);
  return [Date.parse(from), end.getTime()];
}
