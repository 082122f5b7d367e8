/** What was said of every chip in one task, as arrays: for cards and for the colours of the views of all chips. */
import { useQuery } from "@tanstack/react-query";
import { api, get, type Schemas } from "../api/client";
import { fetchArrays } from "./mapData";
import { useFresh } from "./news";

export type Task = Schemas["Task"];

export interface LabelMap {
  task: Task;
  answers: string[][]; // those of one class first, in the order of the task
  said: Uint16Array; // a position in `answers`, or one of those below
  mine: Uint8Array;
}

export const NOTHING = 65_535;
const [UNSURE, DISPUTED] = [65_534, 65_532];
export const WORDS: Record<number, string> = {
  [UNSURE]: "Unsure",
  65533: "Skipped",
  [DISPUTED]: "Disputed",
  65531: "Answered",
};
const PAUSE = 3000; // milliseconds between two looks at what colleagues say meanwhile

export interface Said {
  text: string;
  name: string | undefined; // of the class that gives the colour; none for an answer that is no class
  mine: boolean;
}

/** What a card says of a chip; null when nothing was said. */
export function saidOf(labels: LabelMap | null, number: number): Said | null {
  const code = labels?.said[number] ?? NOTHING;
  if (!labels || code === NOTHING) return null;
  const answer = labels.answers[code];
  const text = answer ? answer.join(", ") || "None of them" : (WORDS[code] ?? "");
  return { text, name: answer?.[0], mine: labels.mine[number] === 1 };
}

/** Whether what was said of a chip is among the wanted, as the server decides it: a class of such a name comes first. */
export function saidAmong(labels: LabelMap, wanted: readonly string[]): (number: number) => boolean {
  const word = (name: string) => wanted.includes(name) && !labels.task.classes.includes(name);
  const known = labels.answers.map((names) =>
    names.length ? names.some((name) => wanted.includes(name)) : word("none"),
  );
  const [unsure, disputed, waiting] = [word("unsure"), word("disputed"), word("waiting")];
  return (number) => {
    const code = labels.said[number] ?? NOTHING;
    return known[code] ?? (code === UNSURE ? unsure : code === DISPUTED ? disputed : waiting);
  };
}

/** The task whose labels are shown: the one that the address names, else the newest; null for none. */
export function shownTask(tasks: readonly Schemas["TaskState"][], named: string): Task | null {
  if (named === "none") return null;
  return (tasks.find(({ task }) => task.id === named) ?? tasks.at(-1))?.task ?? null;
}

export const useTasks = () =>
  useQuery({ queryKey: ["tasks"], queryFn: () => get(api.GET("/api/v1/tasks")) }).data?.tasks ?? [];

export function useLabels(task: Task | null): LabelMap | null {
  const id = task?.id ?? "";
  const answer = useQuery({
    queryKey: ["labels", id],
    queryFn: async ({ signal }) => {
      const { head, bytes, words } = await fetchArrays(`api/v1/tasks/${encodeURIComponent(id)}/map`, signal);
      return { answers: head.answers as string[][], said: words("said"), mine: bytes("mine") };
    },
    enabled: task !== null,
    structuralSharing: false, // the arrays may be large, and are never changed in place
  });
  useFresh("labels", id, PAUSE);
  return task && answer.data ? { task, ...answer.data } : null;
}
