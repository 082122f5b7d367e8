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
export type Scores = readonly [lowest: number | null, highest: number | null];

export interface Query {
  like: readonly Example[];
  unlike: readonly Example[];
  box: Box | null;
  dates: string;
  layers: readonly string[];
  folders: readonly string[];
  labels: readonly string[]; // what was said in the task: classes, or some of WORDS
  scores: Scores; // of what was found
  diversity: number;
  collapse: number | null;
  most: number;
  views: readonly View[];
  color: string;
  task: string; // whose labels are shown: an id, "none", or "" for the newest
  order: "" | "model"; // by what the task's model thinks, instead of by the examples
  wanted: string; // the class that the model looks for; "" for the first
  projection: Projection;
  size: number;
  chip: string | null;
  worldview: string; // a link to NASA Worldview that is to become an example
}

export const FEWEST = 500;
export const MOST = 10_000;
export const SIZES = { least: 64, usual: 148, most: 320 };
export const NO_FILTERS = { box: null, dates: "", layers: [], folders: [], labels: [], scores: [null, null] } as const;
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

function readScores(text: string | null): Scores {
  const [lowest, highest] = (text ?? "").split(",").map((edge) => {
    const value = edge.trim() === "" ? Number.NaN : Number(edge);
    return Number.isFinite(value) ? value : null;
  });
  const scores: Scores = [lowest ?? null, highest ?? null];
  return scores[0] !== null && scores[1] !== null && scores[0] > scores[1] ? [null, null] : scores;
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
    labels: params.getAll("label"),
    scores: readScores(params.get("scores")),
    diversity: number(params.get("diversity"), 0, 1, 0),
    collapse: collapse < 1 ? collapse : null,
    most: Math.round(number(params.get("most"), 1, MOST, FEWEST)),
    views: views === null ? [] : VIEWS.filter((view) => views.split(",").includes(view)),
    color: params.get("color") ?? "",
    task: params.get("task") ?? "",
    order: params.get("order") === "model" ? "model" : "",
    wanted: params.get("class") ?? "",
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
  for (const label of query.labels) params.append("label", label);
  const set = (name: string, value: string | number | null, usual: string | number | null) => {
    if (value !== usual && value !== null && value !== "") params.set(name, String(value));
  };
  set("box", query.box?.map((edge) => +edge.toFixed(5)).join(",") ?? null, null);
  set("dates", query.dates, "");
  set("scores", query.scores.join(","), ",");
  set("diversity", query.diversity, 0);
  set("collapse", query.collapse, null);
  set("most", query.most, FEWEST);
  set("views", query.views.join(","), "");
  set("color", query.color, "");
  set("task", query.task, "");
  set("order", query.order, "");
  set("class", query.wanted, "");
  set("projection", query.projection, "4326");
  set("size", query.size, SIZES.usual);
  set("chip", query.chip, null);
  set("worldview", query.worldview, "");
  return params;
}

/** The filter of a search; of the browsed list, `listFilter`. Labels are those of the task that is shown. */
export const filterOf = (
  { box, dates, layers, folders, labels }: Query,
  task: string | null = null,
): Schemas["Condition"] => ({
  box: box ? [...box] : null,
  dates,
  layers: [...layers],
  folders: [...folders],
  said: task !== null && labels.length > 0 ? { task, labels: [...labels] } : null,
});

export const listFilter = ({ box, dates, layers, folders, labels }: Query, task: string | null) => ({
  ...(box && { bbox: box.join(",") }),
  ...(dates && { dates }),
  ...(layers.length > 0 && { layer: [...layers] }),
  ...(folders.length > 0 && { folder: [...folders] }),
  ...(task !== null && labels.length > 0 && { task, label: [...labels] }),
});

export type Filtering = Pick<Query, "box" | "dates" | "layers" | "folders" | "labels">;

/** Whether chips are left out by what is known of them. Scores thin out what was found, and are no filter of a list. */
export const filtered = ({ box, dates, layers, folders, labels }: Filtering) =>
  box !== null || dates !== "" || layers.length > 0 || folders.length > 0 || labels.length > 0;

export const scored = ({ scores }: Pick<Query, "scores">) => scores[0] !== null || scores[1] !== null;

/** Whether some of what was found is left out. */
export const thinned = (query: Query) => scored(query) || query.diversity > 0 || query.collapse !== null;

/** With one more example; one that was on the other side changes sides. From then on it goes by examples. */
export function withExample(query: Query, sign: Sign, example: Example): Query {
  const others = (list: readonly Example[]) => list.filter((one) => !sameExample(one, example));
  const next = { ...query, like: others(query.like), unlike: others(query.unlike), order: "" as const };
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
