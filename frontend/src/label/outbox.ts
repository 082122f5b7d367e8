/** The outbox in IndexedDB: what I said and the server has not confirmed. One per person and task. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { LabelEvent, Outbox } from "./types";

interface Row {
  id: string;
  /** Whose and of which task: another person on this browser must not send it in their own name. */
  owner: string;
  /** Ids grow with time, but clocks go back; this never does. */
  order: number;
  event: LabelEvent;
}

interface Schema extends DBSchema {
  events: { key: string; value: Row; indexes: { owner: string } };
}

export class BrowserOutbox implements Outbox {
  readonly #opened: Promise<IDBPDatabase<Schema>>;
  #order = 0;

  constructor(
    readonly base: string,
    readonly owner: string,
  ) {
    this.#opened = openDB<Schema>(`curator-outbox ${base}`, 1, {
      upgrade(database) {
        database.createObjectStore("events", { keyPath: "id" }).createIndex("owner", "owner");
      },
    });
    this.#opened.catch(() => undefined); // whoever uses it hears of it
  }

  async load(): Promise<LabelEvent[]> {
    const rows = await (await this.#opened).getAllFromIndex("events", "owner", this.owner);
    rows.sort((a, b) => a.order - b.order);
    this.#order = Math.max(this.#order, rows.at(-1)?.order ?? 0);
    return rows.map((row) => row.event);
  }

  async put(events: LabelEvent[]): Promise<void> {
    const rows = events.map((event) => ({ id: event.id, owner: this.owner, order: ++this.#order, event }));
    const change = (await this.#opened).transaction("events", "readwrite", { durability: "strict" });
    await Promise.all([...rows.map((row) => change.store.put(row)), change.done]);
  }

  async remove(ids: string[]): Promise<void> {
    const change = (await this.#opened).transaction("events", "readwrite");
    await Promise.all([...ids.map((id) => change.store.delete(id)), change.done]);
  }
}

/** How many answers wait in this browser, by task. */
export async function countWaiting(base: string, person: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const database = await openDB<Schema>(`curator-outbox ${base}`, 1, {
    upgrade(opened) {
      opened.createObjectStore("events", { keyPath: "id" }).createIndex("owner", "owner");
    },
  });
  for (const row of await database.getAll("events")) {
    const [whose, task] = row.owner.split(" ");
    if (whose === person && task) counts[task] = (counts[task] ?? 0) + 1;
  }
  database.close();
  return counts;
}
