/** Say the same of many chips at once, and take it back. */
import { api, Fault, get, type Schemas } from "../api/client";
import { newId } from "../app/ids";
import { count, many } from "../app/words";

type Event = Schemas["Event"];

/** Beyond that it would take minutes; a task of the chips, and its model, get there sooner. */
export const MOST_LABELLED = 100_000;

const AT_ONCE = 100; // events that one request takes
const CHIPS_AT_ONCE = 2000;

export interface Said {
  task: string;
  kept: readonly { id: string; chip: string }[];
  refused: readonly string[]; // why, a sentence for each event that was not taken
  added?: number; // chips that came into the task for it
  broke?: unknown; // what ended it before all was said; what was kept until then stays
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

/**
 * Put the chips into the task, then say it of all of them. The same events sent again count once. It throws only while
 * nothing is kept: later, whoever asked must learn what can be taken back.
 */
export async function label(
  task: string,
  events: readonly Event[],
  { addChips, onProgress }: { addChips: boolean; onProgress?: (done: number) => void },
): Promise<Said> {
  const added = addChips ? await add(task, events) : 0;
  const kept: { id: string; chip: string }[] = [];
  const refused: string[] = [];
  let broke: unknown;
  try {
    for (const some of pieces(events, AT_ONCE)) {
      const { outcomes } = await sent(task, some);
      for (const [at, { error }] of outcomes.entries()) {
        const event = some[at];
        if (error) refused.push(error.message);
        else if (event) kept.push({ id: event.id, chip: event.chip });
      }
      onProgress?.(kept.length);
    }
  } catch (error) {
    if (kept.length === 0) throw error;
    broke = error;
  }
  return { task, kept, refused, added, broke };
}

/** Why some were refused, in one sentence for all of them; null where none was. */
export function whyRefused({ kept, refused }: Pick<Said, "kept" | "refused">): string | null {
  const [first] = refused;
  if (!first) return null;
  const some = `${count(refused.length)} of ${many(kept.length + refused.length, "chip")}`;
  if (refused.every((reason) => reason.startsWith("there is no chip"))) return `${some} are not in this task`;
  return `${some} were not labelled: ${first}`;
}

/** Put their chips into the task. Returns how many were not in it. */
async function add(task: string, events: readonly Event[]): Promise<number> {
  const path = { task };
  const before = await get(api.GET("/api/v1/tasks/{task}", { params: { path } }));
  let chips = before.counts.chips;
  for (const some of pieces(events, CHIPS_AT_ONCE)) {
    const body = { chips: some.map(({ chip }) => ({ chip, priority: 0 })) };
    chips = (await get(api.POST("/api/v1/tasks/{task}/chips", { params: { path }, body }))).counts.chips;
  }
  return chips - before.counts.chips;
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
