/** Say the same of many chips at once, and take it back. */
import { api, Fault, get, type Schemas } from "../api/client";
import { newId } from "./ids";

type Event = Schemas["Event"];

/** Beyond that it would take minutes; a task of the chips, and its model, get there sooner. */
export const MOST_LABELLED = 100_000;

const AT_ONCE = 100; // events that one request takes
const CHIPS_AT_ONCE = 2000;

export interface Said {
  task: string;
  kept: readonly { id: string; chip: string }[];
  refused: readonly string[]; // why, one sentence each
}

export const pieces = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size));

export const eventsFor = (chips: readonly string[], decision: Event["decision"], value: readonly string[]): Event[] =>
  chips.map((chip) => ({ id: newId(), chip, decision, value: [...value], note: "" }));

export const undoOf = (said: Said): Event[] =>
  said.kept.map(({ id, chip }) => ({
    id: newId(),
    chip,
    decision: "undo",
    value: [],
    voids: id,
    note: "",
  }));

/** Put the chips into the task, then say it of all of them. The same events sent again count once. */
export async function label(
  task: string,
  events: readonly Event[],
  { addChips, onProgress }: { addChips: boolean; onProgress?: (done: number) => void },
): Promise<Said> {
  const path = { task };
  if (addChips)
    for (const some of pieces(events, CHIPS_AT_ONCE)) {
      const chips = some.map(({ chip }) => ({ chip, priority: 0 }));
      await get(api.POST("/api/v1/tasks/{task}/chips", { params: { path }, body: { chips } }));
    }
  const kept: { id: string; chip: string }[] = [];
  const refused = new Set<string>();
  for (const some of pieces(events, AT_ONCE)) {
    const { outcomes } = await sent(task, some);
    for (const [at, { error }] of outcomes.entries()) {
      const event = some[at];
      if (error) refused.add(error.message);
      else if (event) kept.push({ id: event.id, chip: event.chip });
    }
    onProgress?.(kept.length);
  }
  return { task, kept, refused: [...refused] };
}

/** Once more when the connection broke: the events carry ids, so that nothing is kept twice. */
async function sent(task: string, labels: Event[], again = 2): Promise<Schemas["Outcomes"]> {
  try {
    return await get(api.POST("/api/v1/tasks/{task}/labels", { params: { path: { task } }, body: { labels } }));
  } catch (error) {
    if (again > 0 && error instanceof Fault && error.status === 0) return sent(task, labels, again - 1);
    throw error;
  }
}
