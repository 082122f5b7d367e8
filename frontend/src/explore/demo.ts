/** A list of any length made of the project's first chips, to try and to measure the grid: `/explore?demo=1000000`. */
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { type Item, itemOfChip, type List, pageOf } from "./items";

export function fakeList(real: readonly Item[], total: number): List {
  const at = (index: number) => (index < total ? real[index % real.length] : undefined);
  return {
    total: real.length ? total : 0,
    at,
    ids: async (first, last) =>
      Array.from({ length: Math.max(0, Math.min(last, total) - first) }, (_, step) => at(first + step)?.id ?? ""),
    look: () => {},
    hits: null,
    found: null,
    loading: real.length === 0,
    fresh: true,
    error: null,
    retry: () => {},
  };
}

/** Null unless the address asks for it. */
export function useDemoList(): List | null {
  const [params] = useSearchParams();
  const total = Math.min(Math.max(Number(params.get("demo")) || 0, 0), 100_000_000);
  const page = useQuery({ ...pageOf({}, 0), enabled: total > 0 });
  return total > 0
    ? fakeList(
        (page.data?.chips ?? []).map((chip, at) => itemOfChip(chip, at)),
        total,
      )
    : null;
}
