/** What is looked for and how it is shown. All of it lives in the address, so that a link shows the same to others. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";
import type { Schemas } from "../api/client";

export type Example = Schemas["ChipExample"] | Schemas["PictureExample"];
export type Sign = "like" | "unlike";
export type Box = readonly [west: number, south: number, east: number, north: number];
export const VIEWS = ["likeness", "world", "time"] as const;
export type View = (typeof VIEWS)[number];
export const PROJECTIONS = ["4326", "3413", "3031"] as const;
export type Projection = (typeof PROJECTIONS)[number];

export interface Query {
  like: readonly Example[];
  unlike: readonly Example[];
  box: Box | null;
  dates: string;
  layers: readonly string[];
  folders: readonly string[];
  diversity: number;
  collapse: number | null;
  most: number;
  views: readonly View[];
  color: string;
  task: string; // whose labels are shown: an id, "none", or "" for the newest
  projection: Projection;
  size: number;
  chip: string | null;
  worldview: string; // a link to NASA Worldview that is to become an example
}

export const FEWEST = 500;
export const MOST = 10_000;
export const SIZES = { least: 64, usual: 148, most: 320 };
const EXAMPLE = /^picture:([0-9a-f]{64})$/;

const written = (example: Example) => ("chip" in example ? `chip:${example.chip}` : `picture:${example.example}`);

function readExample(text: string): Example[] {
  const picture = EXAMPLE.exec(text)?.[1];
  if (picture) return [{ example: picture }];
  return text.startsWith("chip:") && text.length > 5 ? [{ chip: text.slice(5) }] : [];
}

export function readBox(text: string | null): Box | null {
  const parts = (text ?? "").split(",");
  const edges = parts.map(Number);
  const [west = 0, south = 0, east = 0, north = 0] = edges;
  const whole = edges.length === 4 && parts.every((part) => part.trim() !== "") && edges.every(Number.isFinite);
  if (!whole || south >= north || south < -90 || north > 90 || Math.abs(west) > 180 || Math.abs(east) > 180)
    return null;
  return west === east ? null : [west, south, east, north];
}

function number(text: string | null, least: number, most: number, usual: number): number {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
}

export const sameExample = (one: Example, other: Example) => written(one) === written(other);

export function read(params: URLSearchParams): Query {
  const views = params.get("views");
  const projection = PROJECTIONS.find((name) => name === params.get("projection"));
  const collapse = number(params.get("collapse"), 0.5, 1, 1);
  return {
    like: params.getAll("like").flatMap(readExample),
    unlike: params.getAll("unlike").flatMap(readExample),
    box: readBox(params.get("box")),
    dates: params.get("dates") ?? "",
    layers: params.getAll("layer"),
    folders: params.getAll("folder"),
    diversity: number(params.get("diversity"), 0, 1, 0),
    collapse: collapse < 1 ? collapse : null,
    most: Math.round(number(params.get("most"), 1, MOST, FEWEST)),
    views: views === null ? [] : VIEWS.filter((view) => views.split(",").includes(view)),
    color: params.get("color") ?? "",
    task: params.get("task") ?? "",
    projection: projection ?? "4326",
    size: Math.round(number(params.get("size"), SIZES.least, SIZES.most, SIZES.usual)),
    chip: params.get("chip"),
    worldview: params.get("worldview") ?? "",
  };
}

export function write(query: Query): URLSearchParams {
  const params = new URLSearchParams();
  for (const example of query.like) params.append("like", written(example));
  for (const example of query.unlike) params.append("unlike", written(example));
  for (const layer of query.layers) params.append("layer", layer);
  for (const folder of query.folders) params.append("folder", folder);
  const set = (name: string, value: string | number | null, usual: string | number | null) => {
    if (value !== usual && value !== null && value !== "") params.set(name, String(value));
  };
  set("box", query.box?.map((edge) => +edge.toFixed(5)).join(",") ?? null, null);
  set("dates", query.dates, "");
  set("diversity", query.diversity, 0);
  set("collapse", query.collapse, null);
  set("most", query.most, FEWEST);
  set("views", query.views.join(","), "");
  set("color", query.color, "");
  set("task", query.task, "");
  set("projection", query.projection, "4326");
  set("size", query.size, SIZES.usual);
  set("chip", query.chip, null);
  set("worldview", query.worldview, "");
  return params;
}

/** The filter of a search; of the browsed list, `listFilter`. */
export const filterOf = ({ box, dates, layers, folders }: Query): Schemas["Condition"] => ({
  box: box ? [...box] : null,
  dates,
  layers: [...layers],
  folders: [...folders],
});

export const listFilter = ({ box, dates, layers, folders }: Query) => ({
  ...(box && { bbox: box.join(",") }),
  ...(dates && { dates }),
  ...(layers.length > 0 && { layer: [...layers] }),
  ...(folders.length > 0 && { folder: [...folders] }),
});

export const filtered = ({ box, dates, layers, folders }: Pick<Query, "box" | "dates" | "layers" | "folders">) =>
  box !== null || dates !== "" || layers.length > 0 || folders.length > 0;

/** With one more example; one that was on the other side changes sides. */
export function withExample(query: Query, sign: Sign, example: Example): Query {
  const others = (list: readonly Example[]) => list.filter((one) => !sameExample(one, example));
  const next = { ...query, like: others(query.like), unlike: others(query.unlike) };
  return { ...next, [sign]: [...next[sign], example] };
}

export const withoutExample = (query: Query, example: Example): Query => ({
  ...query,
  like: query.like.filter((one) => !sameExample(one, example)),
  unlike: query.unlike.filter((one) => !sameExample(one, example)),
});

export type Change = (change: Partial<Query> | ((query: Query) => Query), how?: { replace?: boolean }) => void;

/** The query that the address says, and how to change it. Small changes of the view leave no step in the history. */
export function useExplore(): [Query, Change] {
  const [params, setParams] = useSearchParams();
  const query = useMemo(() => read(params), [params]);
  const change = useCallback<Change>(
    (change, how) =>
      setParams((before) => {
        const now = read(before);
        return write(typeof change === "function" ? change(now) : { ...now, ...change });
      }, how),
    [setParams],
  );
  return [query, change];
}
