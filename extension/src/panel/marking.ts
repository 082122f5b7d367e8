/** Giving marks to results: at once on the server, one after the other, each on top of what the server has by then. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Schemas } from "../../../frontend/src/api/client";
import type { Connection } from "../connection";
import { classOf, type Mark, markOf, marksOf, say, unsay } from "./marks";
import { isSaid, type Said, type SaidOf, saidIn, saidOf, withSaid } from "./said";

/** A mark with what it meant when it was given: it may wait for others, and a tick gets another meaning meanwhile. */
interface Given {
  task: string;
  chip: string;
  /** Those on the screen, among them this one. */
  chips: readonly string[];
  mark: Mark;
  value: string | null;
}

export interface Marking {
  /** What this person has said of these chips in the task. */
  said: SaidOf;
  /** The marks that there are to give. */
  marks: readonly Mark[];
  /** The one that stands for what was said. */
  markNow: (said: Said | undefined) => Mark | null;
  /** In words. */
  meaning: (mark: Mark) => string;
  give: (chip: string, mark: Mark) => void;
}

interface MarkingProps {
  task: Schemas["Task"] | null;
  /** The class that a tick stands for; null is the task's first. */
  chosen: string | null;
  /** Those on the screen. */
  chips: readonly string[];
  connection: Connection;
}

export function useMarking({ task, chosen, chips, connection: { person } }: MarkingProps): Marking {
  const mayLabel = person.role !== "viewer";
  const queries = useQueryClient();
  const { data: said = {} } = useQuery(saidOf(task?.id ?? null, chips, mayLabel));
  const mark = useMutation({
    scope: { id: "marks" }, // one after the other: the same mark twice takes it back
    mutationFn: async ({ task, chip, chips, mark, value }: Given) => {
      const known = saidOf(task, chips, true);
      const before = (await queries.fetchQuery({ ...known, staleTime: Number.POSITIVE_INFINITY }))[chip];
      let now: Said | null = null;
      if (before && isSaid(before, value)) await unsay(task, chip, before);
      else now = await say({ task, chip, mark, value, before, curator: ["curator", "owner"].includes(person.role) });
      const all = { queryKey: saidIn(task) };
      await queries.cancelQueries(all); // an answer on its way does not know of it
      queries.setQueriesData<SaidOf>(all, (kept) => kept && withSaid(kept, chip, now));
    },
    onSettled: (_data, _error, { task }) => void queries.invalidateQueries({ queryKey: saidIn(task) }),
  });
  return {
    said,
    marks: task && mayLabel ? marksOf(task) : [],
    markNow: (one) => (task && one ? markOf(one, task, chosen) : null),
    meaning: (one) => (task && classOf(one, task, chosen)) ?? "unsure",
    give: (chip, one) =>
      task && mark.mutate({ task: task.id, chip, chips, mark: one, value: classOf(one, task, chosen) }),
  };
}
