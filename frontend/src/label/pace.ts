/** How fast somebody answers, from the moments of their answers in milliseconds. */
const WINDOW = 120_000;
const LEAST = 5;

/** Answers a minute over the last two minutes; null until there are enough to say. */
export function pace(times: readonly number[], now: number): number | null {
  const recent = times.filter((time) => now - time <= WINDOW);
  const first = recent[0];
  if (first === undefined || recent.length < LEAST) return null;
  return Math.round(((recent.length - 1) * 60_000) / Math.max(now - first, 1000));
}
