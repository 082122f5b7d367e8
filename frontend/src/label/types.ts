/** What the label queue is made of. */
import type { Schemas } from "../api/client";

export type Chip = Schemas["Chip"];
export type Task = Schemas["Task"];
export type Decision = Schemas["Event"]["decision"];

/** One thing that I say of a chip, as it goes to the server. */
export interface LabelEvent {
  id: string;
  chip: string;
  decision: Decision;
  value?: string[];
  seconds?: number;
  voids?: string;
  note?: string;
}

/** What becomes of an event: kept, or refused with a reason. */
export interface Outcome {
  error?: { message: string; hint: string } | null;
}

/** A chip that waits for my answer. Its facts may come later than the chip itself, after an undo for instance. */
export interface Card {
  chip: string;
  facts: Chip | null;
  /** I passed it over before. */
  again: boolean;
}

/** What I said before and can take back. */
export interface Past {
  events: LabelEvent[];
}

/** How the queue reaches the server. Every method may fail with a `Fault`. */
export interface Transport {
  lease(count: number, seconds: number): Promise<Chip[]>;
  /** Ids of all that I still hold. */
  heartbeat(seconds: number): Promise<string[]>;
  send(events: LabelEvent[]): Promise<Outcome[]>;
  release(chips: string[]): Promise<void>;
  /** What I decided, newest first. */
  mine(limit: number): Promise<LabelEvent[]>;
  facts(chip: string): Promise<Chip>;
  /** The page goes away: say what can still be said without waiting for an answer. */
  leave(events: LabelEvent[], chips: string[]): void;
}

/** Keeps events until the server has them, also when the page or the machine goes down. */
export interface Outbox {
  load(): Promise<LabelEvent[]>;
  put(events: LabelEvent[]): Promise<void>;
  remove(ids: string[]): Promise<void>;
}

export interface Trouble {
  status: number;
  message: string;
  hint: string;
}

/** What the screen shows of the queue; a new object with each change. */
export interface Snapshot {
  cards: readonly Card[];
  /** `loading` before the first answer of the server, `empty` when it has nothing for me. */
  state: "loading" | "ready" | "empty";
  /** Events that the server does not have yet. */
  waiting: number;
  online: boolean;
  /** False when this browser cannot keep events beyond this tab. */
  durable: boolean;
  trouble: Trouble | null;
  /** Events that the server refused, the newest last. */
  refused: readonly { event: LabelEvent; message: string }[];
  /** What undo would take back. */
  last: Past | null;
  /** How many opinions I gave in this visit, less those that I took back. */
  answered: number;
  /** When I answered, in this visit, in milliseconds. */
  times: readonly number[];
}

export const NOTHING: Snapshot = {
  cards: [],
  state: "loading",
  waiting: 0,
  online: true,
  durable: true,
  trouble: null,
  refused: [],
  last: null,
  answered: 0,
  times: [],
};
