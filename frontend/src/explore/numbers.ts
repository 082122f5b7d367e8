/** The number of each chip in the project by its id: a view of all chips knows numbers, a result knows ids. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { idsBetween } from "./items";
import type { MapData } from "./mapData";

/** Beyond that the list would take too long to load, and results are not marked in the views of all chips. */
export const MOST_NUMBERED = 30_000;

export function useNumbers(map: MapData | undefined, enabled: boolean): ReadonlyMap<string, number> | null {
  const queries = useQueryClient();
  const answer = useQuery({
    queryKey: ["numbers", map?.chips],
    queryFn: async () => new Map((await idsBetween(queries, {}, 0, map?.chips ?? 0)).map((id, at) => [id, at])),
    enabled: enabled && map !== undefined && map.chips <= MOST_NUMBERED,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  });
  return answer.data ?? null;
}

const known = new Map<string, number>();
const MOST_KNOWN = 100_000;

/** What a view of all chips asked for: the numbers of these ids are known, however many chips there are. */
export function learn(ids: readonly string[], numbers: ArrayLike<number>) {
  if (known.size > MOST_KNOWN) known.clear();
  if (ids.length === numbers.length) for (const [at, id] of ids.entries()) known.set(id, numbers[at] as number);
}

export const knownNumber = (id: string): number | undefined => known.get(id);
