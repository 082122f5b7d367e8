/** As many chips as the address says, made of the project's first: to try and to measure the grid and the views of all
 * chips, e.g. `/explore?demo=1000000&views=likeness`. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useSearchParams } from "wouter";
import { type Item, itemOfChip, type List, pageOf } from "./items";
import { type MapData, NO_NAME } from "./mapData";
import { range } from "./selection";

export function fakeList(real: readonly Item[], total: number): List {
  const at = (index: number): Item | undefined => {
    const item = index < total ? real[index % real.length] : undefined;
    return item && { ...item, number: index };
  };
  return {
    total: real.length ? total : 0,
    passing: total,
    at,
    numbers: async (first, last) => range(first, Math.min(last, total)),
    look: () => {},
    hits: null,
    found: null,
    news: null,
    loading: real.length === 0,
    fresh: true,
    error: null,
    retry: () => {},
  };
}

const CLUSTERS = 24;

/** Round clusters, the same every time. */
export function fakeMap(total: number): MapData {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator
    return state / 2 ** 32;
  };
  const centers = Array.from({ length: CLUSTERS }, () => [random() * 1.6 - 0.8, random() * 1.6 - 0.8] as const);
  const [x, y] = [new Float32Array(total), new Float32Array(total)];
  for (let chip = 0; chip < total; chip++) {
    const [middle, across] = centers[chip % CLUSTERS] as readonly [number, number];
    x[chip] = middle + 0.1 * (random() + random() + random() - 1.5);
    y[chip] = across + 0.1 * (random() + random() + random() - 1.5);
  }
  const unknown = new Float32Array(total).fill(Number.NaN);
  const nameless = new Uint16Array(total).fill(NO_NAME);
  return {
    chips: total,
    placed: total,
    located: 0,
    dated: 0,
    layers: [],
    folders: [],
    encoder: null,
    method: "spread",
    laid_out: total,
    version: "demo",
    x,
    y,
    lon: unknown,
    lat: unknown,
    time: Float64Array.from(unknown),
    layer: nameless,
    folder: nameless,
  };
}

/** Null unless the address asks for it. */
export function useDemo(): { list: List; map: MapData } | null {
  const [params] = useSearchParams();
  const total = Math.min(Math.max(Number(params.get("demo")) || 0, 0), 100_000_000);
  const page = useQuery({ ...pageOf({}, 0), enabled: total > 0 });
  const map = useMemo(() => fakeMap(Math.min(total, 1_000_000)), [total]);
  if (total === 0) return null;
  return {
    list: fakeList(
      (page.data?.chips ?? []).map((chip, at) => itemOfChip(chip, at)),
      total,
    ),
    map,
  };
}
