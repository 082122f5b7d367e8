/** The search that the panel's query is. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, get } from "../../../frontend/src/api/client";
import { filterOf, type Query } from "../../../frontend/src/explore/query";
import { placeOf } from "./filters";
import { labelOf, type Said } from "./said";

export interface Hit {
  chip: string;
  score: number;
  time: string | null;
  layer: string | null;
  center: readonly [number, number] | null;
}

export function useHits(query: Query) {
  const body = {
    positives: [...query.like],
    negatives: [...query.unlike],
    filter: filterOf(query),
    k: query.most,
    diversity: query.diversity,
    collapse: query.collapse,
    encoder: null,
  };
  return useQuery({
    queryKey: ["search", body],
    queryFn: async ({ signal }) => {
      const { hits, searched, waiting } = await get(api.POST("/api/v1/search", { body, signal }));
      return { hits: hits as unknown as readonly Hit[], searched, waiting };
    },
    enabled: query.like.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

/** What a screen reader says of a hit. */
export const nameOf = (hit: Hit | undefined, index: number, said: Said | undefined): string =>
  [
    `Result ${index + 1}`,
    hit && `likeness ${hit.score.toFixed(2)}`,
    hit?.time?.slice(0, 10),
    hit?.center && placeOf(hit.center),
    hit?.layer,
    labelOf(said),
  ]
    .filter(Boolean)
    .join(", ");
