/** What a training leaves in the result of its job, as the server writes it, and what it says in figures. */
import type { Schemas } from "../api/client";
import type { Job } from "../jobs/words";

export type Encoder = Omit<Schemas["EncoderState"], "card"> & { card: Omit<Schemas["EncoderCard"], "mean" | "std"> };

export interface Quality {
  step: number;
  retrieval: number;
  knn: number | null; // without classes
  collapsed: boolean;
}

export interface Point {
  fraction: number; // of the training
  seconds: number;
  loss: number;
  pictures_per_second: number;
  quality: Quality | null; // where something was measured since the point before
}

export interface Sheet {
  fraction: number;
  rows: readonly (readonly string[])[]; // a chip, then those most like it
}

export interface Course {
  points: readonly Point[];
  neighbours: readonly Sheet[];
}

export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface Comparison {
  other: string;
  on: string;
  chips?: number; // not in results of the first version
  new: number;
  old: number;
  gain: Estimate;
  outcome: string;
}

export interface TrainResult {
  course?: Course; // the only part while it runs
  encoder?: string | null;
  name?: string | null;
  verdict?: string;
  collapsed?: boolean;
  chips?: number;
  asked?: number;
  comparisons?: readonly Comparison[];
}

export interface FinetuneResult {
  encoder: string;
  name: string;
  classes: readonly string[];
  split: "place" | "time" | "random";
  taught: number;
  unreadable: number;
  unmeasured: readonly string[];
  picture?: string; // SVG
  metrics: { pictures: number; accuracy: Estimate; f1: Estimate; average_precision: Estimate };
}

export const isTraining = ({ kind }: Pick<Job, "kind">): boolean => kind === "train" || kind === "finetune";

export const share = (value: number): string => `${(100 * value).toFixed(1)}%`;

export const withInterval = ({ value, low, high }: Estimate): string =>
  `${share(value)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;

/** "+3.2 (−1.0 to 7.4)", in percentage points. */
export const gainOf = ({ value, low, high }: Estimate): string =>
  `${value > 0 ? "+" : ""}${points(value)} (${points(low)} to ${points(high)})`;

const points = (value: number): string => (100 * value).toFixed(1).replace("-", "−");

/** The points of a course as columns: all of them for the loss, those with a measurement for the quality. */
export function curvesOf({ points: all }: Course) {
  const measured = all.flatMap(({ seconds, quality }) => (quality ? [{ minutes: seconds / 60, ...quality }] : []));
  return {
    minutes: all.map(({ seconds }) => seconds / 60),
    loss: all.map(({ loss }) => loss),
    measured: measured.map(({ minutes }) => minutes),
    retrieval: measured.map(({ retrieval }) => retrieval),
    knn: measured.some(({ knn }) => knn !== null) ? measured.map(({ knn }) => knn) : null,
    latest: measured.at(-1) ?? null,
  };
}

/** Every figure that one of two cards has, with those of both. */
export function figuresOf(one: Encoder, other: Encoder): [name: string, one: number | null, other: number | null][] {
  const [first, second] = [one.card.metrics ?? {}, other.card.metrics ?? {}];
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  const rows = names.map((name): [string, number | null, number | null] => [
    name,
    first[name] ?? null,
    second[name] ?? null,
  ]);
  const both = (row: (typeof rows)[number]) => Number(row[1] !== null && row[2] !== null);
  return rows.sort((row, next) => both(next) - both(row));
}
