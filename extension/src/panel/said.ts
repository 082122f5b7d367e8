/** What this person has said of the chips of a task, as the server knows it: their own labels, and nobody else's. */
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

/** As many as the server tells at once. Older ones are not shown beside results; they count all the same. */
export const MOST_SAID = 1000;

/** Nobody who only looks has said anything. */
export const saidIn = (task: string | null, mayLabel: boolean) =>
  queryOptions({
    queryKey: ["said", task],
    queryFn: async ({ signal }): Promise<SaidOf> => {
      const params = { path: { task: task ?? "" }, query: { limit: MOST_SAID } };
      return newestOf((await get(api.GET("/api/v1/tasks/{task}/mine", { params, signal }))).labels);
    },
    enabled: task !== null && mayLabel,
  });

/** The newest comes first. Who skips a chip says nothing of it. */
export function newestOf(labels: readonly Pick<Schemas["Label"], "id" | "chip" | "decision" | "value">[]): SaidOf {
  const said: Record<string, Said> = {};
  for (const { id, chip, decision, value } of labels)
    if (decision !== "skip" && !(chip in said))
      said[chip] = { id, value: decision === "unsure" ? null : (value ?? []) };
  return said;
}

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
