/** The list that the grid shows: the hits of a search, or all chips page by page. Both look the same from outside. */
import { keepPreviousData, type QueryClient, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { api, get, type Schemas } from "../api/client";
import { filtered, filterOf, listFilter, type Query } from "./query";

export interface Item {
  id: string;
  score: number | null;
  time: string | null;
  layer: string | null;
  folder: string | null;
  center: readonly [number, number] | null;
  number: number | null; // of the chip in the project, when known
}

export interface List {
  total: number;
  at: (index: number) => Item | undefined; // undefined: not here yet
  ids: (first: number, last: number) => Promise<string[]>;
  look: (first: number, last: number) => void; // what is in view now
  hits: readonly Item[] | null; // null when nothing was searched for
  found: Found | null;
  loading: boolean;
  fresh: boolean; // false while what is shown belongs to an earlier query
  error: Error | null;
  retry: () => void;
}

export const PAGE = 100;

/** A place as the client reads it: a list of numbers, where the description of the API says two. */
type Hit = Omit<Schemas["FoundChip"], "center"> & { center: readonly number[] | null; number?: number | null };
type Found = Omit<Schemas["Found"], "hits"> & { hits: readonly Hit[] };

export function useList(query: Query): List {
  const searching = query.like.length > 0;
  const search = useSearch(query, searching);
  const browse = useBrowse(query, !searching);
  return searching ? search : browse;
}

function useSearch(query: Query, enabled: boolean): List {
  const body = {
    positives: [...query.like],
    negatives: [...query.unlike],
    filter: filterOf(query),
    k: query.most,
    diversity: query.diversity,
    collapse: query.collapse,
    encoder: null,
  };
  const answer = useQuery({
    queryKey: ["search", body],
    queryFn: ({ signal }) => get(api.POST("/api/v1/search", { body, signal })),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const hits = useMemo(() => (answer.data?.hits ?? []).map(itemOfHit), [answer.data]);
  return {
    total: hits.length,
    at: (index) => hits[index],
    ids: async (first, last) => hits.slice(first, last).map((item) => item.id),
    look: () => {},
    hits,
    found: answer.data ?? null,
    loading: answer.isPending,
    fresh: !answer.isPlaceholderData,
    error: answer.error,
    retry: answer.refetch,
  };
}

function useBrowse(query: Query, enabled: boolean): List {
  const queries = useQueryClient();
  const filter = listFilter(query);
  const whole = !filtered(query);
  const [range, setRange] = useState<[number, number]>([0, 1]);
  const pages = [];
  for (let page = Math.floor(range[0] / PAGE); page * PAGE < Math.max(range[1], 1); page++) pages.push(page);
  const first = useQuery({ ...pageOf(filter, 0), enabled, placeholderData: keepPreviousData });
  const answers = useQueries({ queries: pages.map((page) => ({ ...pageOf(filter, page), enabled })) });
  const here = new Map(pages.map((page, at) => [page, answers[at]?.data?.chips]));
  if (first.data) here.set(0, first.data.chips);
  const item = (index: number): Item | undefined => {
    const chip = here.get(Math.floor(index / PAGE))?.[index % PAGE];
    return chip && itemOfChip(chip, whole ? index : null);
  };
  const look = useCallback((from: number, to: number) => setRange([from, to]), []);
  return {
    total: first.data?.total ?? 0,
    at: item,
    ids: (from, to) => idsBetween(queries, filter, from, to),
    look,
    hits: null,
    found: null,
    loading: first.isPending,
    fresh: !first.isPlaceholderData,
    error: first.error ?? answers.find((answer) => answer.error)?.error ?? null,
    retry: () => queries.refetchQueries({ queryKey: ["chips", "list"] }),
  };
}

type ListFilter = ReturnType<typeof listFilter>;

export const pageOf = (filter: ListFilter, page: number, limit = PAGE) => ({
  queryKey: ["chips", "list", filter, limit, page],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    get(api.GET("/api/v1/chips", { params: { query: { start: page * limit, limit, ...filter } }, signal })),
  staleTime: 30_000,
});

/** The ids of a stretch of the list, a thousand a request. */
export async function idsBetween(
  queries: QueryClient,
  filter: ListFilter,
  from: number,
  to: number,
): Promise<string[]> {
  const ids: string[] = [];
  for (let page = Math.floor(from / 1000); page * 1000 < to; page++) {
    const { chips } = await queries.fetchQuery(pageOf(filter, page, 1000));
    ids.push(...chips.slice(Math.max(0, from - page * 1000), Math.max(0, to - page * 1000)).map((chip) => chip.id));
  }
  return ids;
}

/** The ids of chips by their numbers, in the same order. */
export async function idsOf(queries: QueryClient, numbers: ArrayLike<number>): Promise<string[]> {
  const wanted = Array.from(numbers);
  const pages = new Map<number, Schemas["Chip"][]>();
  for (const page of new Set(wanted.map((number) => Math.floor(number / 1000))))
    pages.set(page, (await queries.fetchQuery(pageOf({}, page, 1000))).chips);
  return wanted.flatMap((number) => pages.get(Math.floor(number / 1000))?.[number % 1000]?.id ?? []);
}

const itemOfHit = ({ chip, score, time, layer, center, number }: Hit): Item => ({
  id: chip,
  score,
  time,
  layer,
  folder: null,
  center: center as [number, number] | null,
  number: number ?? null,
});

export const itemOfChip = (chip: Schemas["Chip"], number: number | null): Item => ({
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
