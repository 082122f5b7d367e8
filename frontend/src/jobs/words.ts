/** What a job is, says and will still take, in words. */
import type { Schemas } from "../api/client";
import { count, duration, many, percent, sentence } from "../app/words";

export type Job = Schemas["Job"];

const NAMES: Readonly<Record<string, string>> = {
  download: "Get imagery",
  import: "Import pictures",
  embed: "Embed chips",
  export: "Make a dataset",
  layout: "Lay out the map of what looks alike",
  demo: "Open the demo",
  train: "Train an encoder",
  finetune: "Make a classifier",
};

export const nameOf = (kind: string): string => NAMES[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1);

/** Whether a server works on it, or will as soon as it can. */
export const isActive = (job: Pick<Job, "state">): boolean => job.state === "waiting" || job.state === "running";

/** Whether it has not ended. */
export const isOpen = (job: Pick<Job, "state">): boolean => isActive(job) || job.state === "paused";

const BEGINS_ANEW: readonly string[] = ["export", "finetune", "layout"];

/** Whether it keeps nothing of what it did before it was interrupted. */
export const beginsAnew = (job: Pick<Job, "kind">): boolean => BEGINS_ANEW.includes(job.kind);

/** 0 to 1, or null while nobody knows how much there is. */
export const shareOf = (job: Pick<Job, "done" | "total">): number | null =>
  job.total ? Math.min(1, (job.done ?? 0) / job.total) : null;

/** Seconds left if it goes on as until now; null while that would be a guess. */
export function secondsLeft(job: Job, now: number): number | null {
  const share = shareOf(job);
  if (job.state !== "running" || !job.started || share === null || share < 0.02) return null;
  const spent = (now - Date.parse(job.started)) / 1000;
  return spent < 2 ? null : (spent / share) * (1 - share);
}

/** How it stands, in one sentence. */
export function standing(job: Job, now: number): string {
  switch (job.state) {
    case "waiting":
      return "Waiting for its turn";
    case "running": {
      if (job.kind === "train") return training(job);
      const left = secondsLeft(job, now);
      const done = job.total
        ? `${count(job.done ?? 0)} of ${count(job.total)}`
        : job.done
          ? `${count(job.done)} so far`
          : "Begun";
      return left === null ? done : `${done}, about ${duration(left)} left`;
    }
    case "paused":
      return beginsAnew(job) ? "Paused. It begins anew when it goes on." : "Paused. What is done is kept.";
    case "done":
      return `Done${outcome(job)}`;
    case "cancelled":
      if (job.result?.verdict) return `Stopped: ${job.result.verdict}`;
      if (typeof job.result?.taught === "number") return `Stopped${outcome(job)}`;
      return "Cancelled. What was finished before is kept.";
    default:
      return sentence(job.error || "It failed");
  }
}

/** Its steps are no news, and how long it takes was said when it was asked for. */
function training({ parameters = {}, done, total }: Job): string {
  const share = shareOf({ done: done ?? 0, total: total ?? null });
  if (share === null) return "Reading the pictures";
  if (share >= 1) return "Comparing it with the encoders that there are";
  const left = 60 * Number(parameters.minutes) * (1 - share);
  return left > 0 ? `${percent(share)}, about ${duration(left)} left` : percent(share);
}

function outcome({ result = {} }: Job): string {
  if (typeof result.verdict === "string") return `: ${result.verdict}`;
  if (typeof result.taught === "number") return `: ${result.name}, from ${many(result.taught, "label")}`;
  const number = (name: string) => (typeof result[name] === "number" ? (result[name] as number) : null);
  const made = number("added") ?? number("chips") ?? number("embedded") ?? number("vectors") ?? number("total");
  if (made === null) return "";
  const present = number("present") ?? 0;
  const left = number("left_out") ?? leftOut(result.skipped);
  return [
    `: ${many(made, "chip")}`,
    present > 0 && `${count(present)} here already`,
    left > 0 && `${count(left)} left out${reasons(result.skipped)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** Of a download: reason → how many chips. */
const skips = (skipped: unknown): [string, number][] =>
  typeof skipped === "object" && skipped !== null ? Object.entries(skipped as Record<string, number>) : [];

const leftOut = (skipped: unknown): number => skips(skipped).reduce((sum, [, chips]) => sum + chips, 0);

function reasons(skipped: unknown): string {
  const names = skips(skipped).map(([reason]) => reason);
  return names.length > 0 ? ` (${names.join(", ")})` : "";
}

/** The parameters with which a download that was only tried gets the rest; null for all other jobs. */
export function restOf({ kind, state, parameters = {} }: Job): Record<string, unknown> | null {
  if (kind !== "download" || state !== "done" || !parameters.limit) return null;
  const { limit: _tried, ...rest } = parameters;
  return rest;
}
