/** A server and an outbox for tests: they keep what they are told, lose connection on demand, and replay safely. */
import type { Chip, LabelEvent, Outbox, Outcome, Transport } from "./types";

export const chipOf = (id: string): Chip =>
  ({ id, media_type: "image/png", width: 8, height: 8, sha256: id, origin: id }) as Chip;

export class FakeServer implements Transport {
  online = true;
  status = 0;
  held = new Set<string>();
  kept: LabelEvent[] = [];
  calls: string[] = [];
  beacons: { events: LabelEvent[]; chips: string[] }[] = [];
  refuse = new Set<string>();
  /** When set, the next request waits until it is called. */
  gate: Promise<void> | null = null;

  constructor(public queue: string[]) {}

  async #answer(call: string) {
    this.calls.push(call);
    if (this.gate) await this.gate;
    await Promise.resolve();
    if (!this.online) throw { status: this.status, message: "no", hint: "" };
  }

  #standing(chip: string): LabelEvent | undefined {
    const voided = new Set(this.kept.map((event) => event.voids));
    return this.kept.findLast((event) => event.chip === chip && event.decision !== "undo" && !voided.has(event.id));
  }

  async lease(count: number): Promise<Chip[]> {
    await this.#answer("lease");
    const own = this.queue.filter((chip) => this.held.has(chip));
    const free = this.queue.filter((chip) => !this.held.has(chip) && !this.#standing(chip));
    const skipped = this.queue.filter((chip) => !this.held.has(chip) && this.#standing(chip)?.decision === "skip");
    const given = [...own, ...free, ...skipped].slice(0, count);
    for (const chip of given) this.held.add(chip);
    return given.map(chipOf);
  }

  async heartbeat(): Promise<string[]> {
    await this.#answer("heartbeat");
    return [...this.held];
  }

  async send(events: LabelEvent[]): Promise<Outcome[]> {
    await this.#answer(`send ${events.length}`);
    return events.map((event) => {
      if (this.refuse.has(event.chip)) return { error: { message: "refused", hint: "" } };
      if (!this.kept.some(({ id }) => id === event.id)) this.kept.push(event);
      this.held.delete(event.chip);
      return {};
    });
  }

  async release(chips: string[]): Promise<void> {
    await this.#answer(`release ${chips.length}`);
    for (const chip of chips) this.held.delete(chip);
  }

  async mine(limit: number): Promise<LabelEvent[]> {
    await this.#answer("mine");
    const voided = new Set(this.kept.map((event) => event.voids));
    const mine = this.kept.filter((event) => event.decision !== "undo" && !voided.has(event.id));
    return mine.reverse().slice(0, limit);
  }

  async facts(chip: string): Promise<Chip> {
    await this.#answer("facts");
    return chipOf(chip);
  }

  leave(events: LabelEvent[], chips: string[]): void {
    this.beacons.push({ events, chips });
  }
}

export class MemoryOutbox implements Outbox {
  events: LabelEvent[] = [];
  broken = false;

  async load() {
    if (this.broken) throw new Error("no storage");
    return [...this.events];
  }

  async put(events: LabelEvent[]) {
    if (this.broken) throw new Error("no storage");
    this.events.push(...events);
  }

  async remove(ids: string[]) {
    this.events = this.events.filter(({ id }) => !ids.includes(id));
  }
}
