/** Times in bins of days, months or years (UTC), and what a range of bins is in words. */
export type Unit = "day" | "month" | "year";

export interface Bins {
  unit: Unit;
  starts: number[]; // one more than there are bins: where the last one ends
  counts: number[];
  unknown: number; // chips without a time
}

const DAY = 86_400_000;
const MOST_BINS = 400;

const startOf = (time: number, unit: Unit): number => {
  const date = new Date(time);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (unit === "year") return Date.UTC(year, 0);
  return unit === "month" ? Date.UTC(year, month) : Math.floor(time / DAY) * DAY;
};

const after = (start: number, unit: Unit): number => {
  const date = new Date(start);
  if (unit === "year") return Date.UTC(date.getUTCFullYear() + 1, 0);
  return unit === "month" ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) : start + DAY;
};

export function binsOf(times: ArrayLike<number>): Bins | null {
  let [first, last, unknown] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let at = 0; at < times.length; at++) {
    const time = times[at] as number;
    if (Number.isNaN(time)) unknown++;
    if (time < first) first = time;
    if (time > last) last = time;
  }
  if (first > last) return null;
  const days = (last - first) / DAY;
  const unit: Unit = days <= 62 ? "day" : days / 30.4 <= MOST_BINS ? "month" : "year";
  const starts = [startOf(first, unit)];
  while ((starts.at(-1) as number) <= last) starts.push(after(starts.at(-1) as number, unit));
  return { unit, starts, counts: countIn(starts, times), unknown };
}

/** How many times fall into each bin. */
export function countIn(starts: readonly number[], times: ArrayLike<number>): number[] {
  const counts = new Array<number>(starts.length - 1).fill(0);
  for (let at = 0; at < times.length; at++) {
    const bin = binOf(starts, times[at] as number);
    if (bin >= 0 && bin < counts.length) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** The last bin that starts at or before a time; -1 before all of them, and for an unknown time. */
export function binOf(starts: readonly number[], time: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const iso = (time: number) => new Date(time).toISOString();

export function nameOf(bins: Bins, bin: number): string {
  return iso(bins.starts[bin] ?? 0).slice(0, { day: 10, month: 7, year: 4 }[bins.unit]);
}

/** The filter for bins `first` to `last`, e.g. `2020-08/2020-10`. All of them need no filter. */
export function datesOf(bins: Bins, first: number, last: number): string {
  if (first <= 0 && last >= bins.counts.length - 1) return "";
  const [from, to] = [nameOf(bins, first), nameOf(bins, last)];
  return from === to ? from : `${from}/${to}`;
}

/** The bins that a filter covers; all of them when it is empty or not understood. */
export function rangeOf(bins: Bins, dates: string): [number, number] {
  const all: [number, number] = [0, bins.counts.length - 1];
  const [from, to = from] = dates.split("/");
  const start = Date.parse(from ?? "");
  const end = endOf(to ?? "");
  if (!dates || Number.isNaN(start) || Number.isNaN(end)) return all;
  const first = Math.max(0, binOf(bins.starts, start));
  return [Math.min(first, all[1]), Math.max(Math.min(binOf(bins.starts, end - 1), all[1]), 0)];
}

function endOf(text: string): number {
  const start = Date.parse(text);
  const unit: Unit = text.length <= 4 ? "year" : text.length <= 7 ? "month" : "day";
  return Number.isNaN(start) ? start : after(startOf(start, unit), unit);
}
