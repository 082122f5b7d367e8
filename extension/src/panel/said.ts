/** What this person has said of chips in a task, as the server knows it: their own labels, and nobody else's. */
import { queryOptions } from "@tanstack/react-query";
import { api, get, type Schemas } from "../../../frontend/src/api/client";

export interface Said {
  /** Id of the event, so that it can be taken back. */
  id: string;
  /** The classes that were said, whatever a tick means by now; null is unsure. */
  value: readonly string[] | null;
}

/** Chip → what was said. */
export type SaidOf = Readonly<Record<string, Said>>;

/** All that is known of a task, whichever chips it is of. */
export const saidIn = (task: string) => ["said", task] as const;

/** Nobody who only looks has said anything. */
export const saidOf = (task: string | null, chips: readonly string[], mayLabel: boolean) =>
  queryOptions({
    queryKey: ["said", task, chips],
    queryFn: async ({ signal }): Promise<SaidOf> => {
      const params = { path: { task: task ?? "" } };
      const body = { chips: [...chips] };
      return byChip((await get(api.POST("/api/v1/tasks/{task}/mine/query", { params, body, signal }))).labels);
    },
    enabled: task !== null && mayLabel && chips.length > 0,
    placeholderData: (before, query) => (query?.queryKey[1] === task ? before : undefined),
  });

export const byChip = (labels: readonly Pick<Schemas["Label"], "id" | "chip" | "decision" | "value">[]): SaidOf =>
  Object.fromEntries(
    labels.map(({ id, chip, decision, value }) => [chip, { id, value: decision === "unsure" ? null : (value ?? []) }]),
  );

/** With what is said of a chip; null takes it back. */
export function withSaid(said: SaidOf, chip: string, now: Said | null): SaidOf {
  const { [chip]: _, ...others } = said;
  return now ? { ...others, [chip]: now } : others;
}

/** What was said in words; null: nothing. */
export const labelOf = (said: Said | undefined): string | null =>
  said ? (said.value === null ? "unsure" : said.value.join(", ") || "none") : null;

/** Whether it is this class, or unsure where `value` is null. */
export const isSaid = ({ value }: Said, wanted: string | null): boolean =>
  wanted === null ? value === null : value?.length === 1 && value[0] === wanted;
