/** What lies around a chip, in place and in time. Best effort: only what the project has. */
import { useQuery } from "@tanstack/react-query";
import { api, get } from "../api/client";
import type { Chip } from "./types";
import { centerOf } from "./words";

const NEAR = 1.2; // chips to each side, in their own size
const MOST = 100;

interface Span {
  width: number;
  height: number;
}

const spanOf = (chip: Chip): Span | null =>
  chip.box ? { width: (chip.box.east - chip.box.west + 360) % 360, height: chip.box.north - chip.box.south } : null;

/** West,south,east,north around the centre of a chip, so many of its own sizes wide. */
export function boxAround(chip: Chip, sizes: number): string | null {
  const center = centerOf(chip);
  const span = spanOf(chip);
  if (!center || !span) return null;
  const [x, y] = center;
  const [dx, dy] = [Math.max(span.width * sizes, 1e-6), Math.max(span.height * sizes, 1e-6)];
  const around = (longitude: number) => ((longitude + 540) % 360) - 180; // across the antimeridian
  const [west, east] = dx >= 180 ? [-180, 180] : [around(x - dx), around(x + dx)];
  return [west, Math.max(-90, y - dy), east, Math.min(90, y + dy)].map((edge) => edge.toFixed(6)).join(",");
}

/** Where a neighbour lies, in shares of a square that is `sides` chips wide around the first. */
export function placeIn(chip: Chip, other: Chip, sides: number) {
  const [here, there, span, size] = [centerOf(chip), centerOf(other), spanOf(chip), spanOf(other)];
  if (!here || !there || !span || !size) return null;
  const east = ((there[0] - here[0] + 540) % 360) - 180;
  const [width, height] = [size.width / span.width / sides, size.height / span.height / sides];
  return {
    left: 0.5 + east / span.width / sides - width / 2,
    top: 0.5 - (there[1] - here[1]) / span.height / sides - height / 2,
    width,
    height,
  };
}

/** The same place on other days, in the order of time, with the chip itself among them. */
export function daysOf(chip: Chip, found: readonly Chip[]): Chip[] {
  const size = spanOf(chip);
  const same = found.filter((other) => {
    const span = spanOf(other);
    return other.time && other.layer === chip.layer && span && size && Math.abs(span.width / size.width - 1) < 0.05;
  });
  if (!same.some((other) => other.id === chip.id)) same.push(chip);
  return same.sort((a, b) => (a.time ?? "").localeCompare(b.time ?? ""));
}

const find = async (bbox: string, dates: string, layer: string | null | undefined) =>
  (
    await get(
      api.GET("/api/v1/chips", { params: { query: { bbox, dates, layer: layer ? [layer] : [], limit: MOST } } }),
    )
  ).chips;

export function useDays(chip: Chip | null, wanted: boolean) {
  const bbox = chip?.time ? boxAround(chip, 0.05) : null;
  return useQuery({
    queryKey: ["days", chip?.id],
    queryFn: async () => (chip && bbox ? daysOf(chip, await find(bbox, "", chip.layer)) : []),
    enabled: wanted && bbox !== null,
    staleTime: 300_000,
  });
}

export function useNeighbours(chip: Chip | null, wanted: boolean) {
  const bbox = chip ? boxAround(chip, NEAR) : null;
  return useQuery({
    queryKey: ["neighbours", chip?.id],
    queryFn: async () => (chip && bbox ? find(bbox, chip.time?.slice(0, 10) ?? "", chip.layer) : []),
    enabled: wanted && bbox !== null,
    staleTime: 300_000,
  });
}
