/** Why a chip is shown: what the model thought of it when it chose. */
import { api, get, type Schemas } from "../api/client";
import { many } from "../app/words";

type Suggestions = Schemas["Suggestions"];

const MOST = 64; // as many as a round puts at the head of the queue
const LOOKS = {
  likely: "The model thinks it is",
  uncertain: "The model is unsure whether it is",
  unlikely: "To explore: the model thinks it is not",
};

/** Chip → why, for what is chosen next; nothing where the project cannot say. */
export async function reasons(task: string, wanted: string): Promise<Map<string, string>> {
  const params = { path: { task }, query: { n: MOST } };
  const found = await get(api.GET("/api/v1/tasks/{task}/suggestions", { params })).catch(() => null);
  return found ? inWords(found, wanted) : new Map();
}

export function inWords({ labels, suggestions }: Suggestions, wanted: string): Map<string, string> {
  const known = `(after ${many(labels, "answer")})`;
  return new Map(
    suggestions.flatMap(({ chip, looks }) => {
      if (looks) return [[chip.id, `${LOOKS[looks]} ${wanted} ${known}.`] as const];
      return [[chip.id, `It is a typical picture: the model has seen no ${wanted} yet.`] as const];
    }),
  );
}
