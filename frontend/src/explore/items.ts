/** The list that the grid shows: the hits of a search, or all chips page by page. Both look the same from outside. */
import { keepPreviousData, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { api, get, type Schemas } from "../api/client";
import { holding, useHeld } from "./held";
import type { LabelMap, Task } from "./labelMap";
import { numbersOf, passingQuery, WHOLE_MAP } from "./mapData";
import { useFresh } from "./news";
import { filtered, filterOf, listFilter, type Query } from "./query";
import { range } from "./selection";
import { type Stretch, useStill } from "./still";

export interface Item {
  id: string;
  score: number | null;
  learnt?: boolean; // the score is a model's, and no likeness
  time: string | null;
  layer: string | null;
  folder: string | null;
  center: readonly [number, number] | null;
  number: number; // of the chip in the project
}

export interface List {
  total: number;
  passing: number; // how many there are now: while cards are held in view, more or fewer are shown
  at: (index: number) => Item | undefined; // undefined: not here yet
  numbers: (first: number, last: number) => Promise<Uint32Array>; // of a stretch of it, ascending
  look: (first: number, last: number) => void; // what is in view now
  hits: readonly Item[] | null; // null when nothing was searched for
  found: Found | null;
  news: { count: number; show: () => void } | null; // chips that belong to the top now, while what is seen stays
  loading: boolean;
  fresh: boolean; // false while what is shown belongs to an earlier query
  error: Error | null;
  retry: () => void;
}

export const PAGE = 100;
const PAUSE = 500; // milliseconds between two looks at a list that colleagues change

/** A place as the client reads it: a list of numbers, where the description of the API says two. */
type Hit = Omit<Schemas["FoundChip"], "center"> & { center: readonly number[] | null };
type Found = Omit<Schemas["Found"], "hits"> & { hits: readonly Hit[] };

/** Whether the model of the task that is shown ranks. */
export const byModel = (query: Query, task: Task | null): task is Task => query.order === "model" && task !== null;

export function useList(query: Query, task: Task | null, labels: LabelMap | null): List {
  const searching = byModel(query, task) || query.like.length > 0;
  const search = useSearch(query, task, searching);
  const browse = useBrowse(query, task, labels, !searching);
  return searching ? search : browse;
}

function useSearch(query: Query, task: Task | null, enabled: boolean): List {
  const model = byModel(query, task);
  const filter = filterOf(query, task?.id ?? null);
  const body = {
    positives: model ? [] : [...query.like],
    negatives: model ? [] : [...query.unlike],
    task: model ? task.id : null,
    wanted: model && task.classes.includes(query.wanted) ? query.wanted : null,
    filter,
    scores: [...query.scores] as [number | null, number | null],
    k: query.most,
    diversity: query.diversity,
    collapse: query.collapse,
    encoder: null,
  };
  const followed = model || filter.said ? (task?.id ?? "") : ""; // the task whose labels change the answer
  useFresh("search", followed);
  const answer = useQuery({
    queryKey: ["search", followed, body],
    queryFn: ({ signal }) => get(api.POST("/api/v1/search", { body, signal })),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const hits = useMemo(() => {
    const learnt = answer.data?.learnt_from != null;
    return (answer.data?.hits ?? []).map((hit) => itemOfHit(hit, learnt));
  }, [answer.data]);
  const { shown, look, news } = useStill(answer.isPlaceholderData ? null : JSON.stringify(body), hits);
  return {
    total: shown.length,
    passing: hits.length,
    at: (index) => shown[index],
    numbers: async (first, last) => Uint32Array.from(shown.slice(first, last), ({ number }) => number).sort(),
    look,
    hits,
    found: answer.data ?? null,
    news,
    loading: answer.isPending,
    fresh: !answer.isPlaceholderData,
    error: answer.error,
    retry: answer.refetch,
  };
}

function useBrowse(query: Query, task: Task | null, labels: LabelMap | null, enabled: boolean): List {
  const queries = useQueryClient();
  const filter = listFilter(query, task?.id ?? null);
  const followed = filter.task ?? ""; // the task whose labels change the list
  const [inView, setInView] = useState<Stretch>([0, 1]);
  const first = useQuery({ ...pageOf(filter, 0), enabled, placeholderData: keepPreviousData });
  const passing = first.data?.total ?? 0;
  const margin = followed ? PAGE : 0; // where cards are held, the others are some places away
  const pages = pagesOf(inView, margin, passing);
  const answers = useQueries({ queries: pages.map((page) => ({ ...pageOf(filter, page), enabled })) });
  const here = new Map(pages.map((page, at) => [page, answers[at]?.data]));
  if (first.data) here.set(0, first.data);
  const item = (index: number): Item | undefined => {
    const page = here.get(Math.floor(index / PAGE));
    const [chip, number] = [page?.chips[index % PAGE], page?.numbers[index % PAGE]];
    return chip && number !== undefined ? itemOfChip(chip, number) : undefined;
  };
  const asked = first.isPlaceholderData ? null : JSON.stringify(filter);
  const { hold, scrolled, ...shown } = useHeld(asked, inView, { total: passing, at: item });
  useFresh("list", followed, PAUSE, hold);
  const numbers = async (from: number, to: number) => {
    const end = Math.min(to, shown.total);
    if (!filtered(query)) return range(from, end);
    const known = holding("", [from, end], shown.at)?.items ?? [];
    if (known.length === end - from) return Uint32Array.from(known, ({ number }) => number).sort();
    const map = await queries.fetchQuery(WHOLE_MAP);
    return numbersOf(passingQuery(map, query, labels) ?? new Uint8Array(map.chips).fill(1)).slice(from, to);
  };
  const look = useCallback(
    (from: number, to: number) => {
      setInView([from, to]);
      scrolled([from, to]);
    },
    [scrolled],
  );
  return {
    ...shown,
    passing,
    numbers,
    look,
    hits: null,
    found: null,
    loading: first.isPending,
    fresh: !first.isPlaceholderData,
    error: first.error ?? answers.find((answer) => answer.error)?.error ?? null,
    retry: () => queries.refetchQueries({ queryKey: ["list"] }),
  };
}

/** The pages that hold a stretch, and so many items before and behind it. */
function pagesOf([first, last]: Stretch, margin: number, total: number): number[] {
  const [from, to] = [Math.max(0, first - margin), Math.max(last, Math.min(last + margin, total), 1)];
  return [...range(Math.floor(from / PAGE), Math.ceil(to / PAGE))];
}

type ListFilter = ReturnType<typeof listFilter>;

export const pageOf = (filter: ListFilter, page: number) => ({
  queryKey: ["list", filter.task ?? "", filter, page],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    get(api.GET("/api/v1/chips", { params: { query: { start: page * PAGE, limit: PAGE, ...filter } }, signal })),
  staleTime: 30_000,
});

const IDS_AT_ONCE = 10_000;

/** The ids of chips by their numbers, in the same order. */
export async function idsOf(numbers: Uint32Array): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < numbers.length; from += IDS_AT_ONCE) {
    const some = [...numbers.subarray(from, from + IDS_AT_ONCE)];
    ids.push(...(await get(api.POST("/api/v1/chips/ids", { body: { numbers: some } }))).ids);
  }
  return ids;
}

const itemOfHit = ({ chip, score, time, layer, center, number }: Hit, learnt: boolean): Item => ({
  id: chip,
  score,
  learnt,
  time,
  layer,
  folder: null,
  center: center as [number, number] | null,
  number,
});

export const itemOfChip = (chip: Schemas["Chip"], number: number): Item => ({
  id: chip.id,
  score: null,
  time: chip.time ?? null,
  layer: chip.layer ?? null,
  folder: chip.folder ?? null,
  center: chip.box ? centerOf(chip.box) : null,
  number,
});

export function centerOf({ west, south, east, north }: Schemas["Box"]): [number, number] {
  const wide = west > east ? east + 360 - west : east - west;
  const lon = west + wide / 2;
  return [lon > 180 ? lon - 360 : lon, (south + north) / 2];
}

export const placeName = ([lon, lat]: readonly [number, number]) =>
  `${Math.abs(lat).toFixed(3)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(3)}° ${lon < 0 ? "W" : "E"}`;
