/**
 * What I am asked, what I said, and what the server knows of it. No framework: the screen subscribes.
 *
 * A decision changes the queue at once and in memory; a single worker then brings the server up to date, in order:
 * first what I said, then what I hold. So nothing waits for the network, and no event overtakes another.
 */
import { eventsOf, type Said, undoOf } from "./events";
import type { Card, Chip, LabelEvent, Outbox, Past, Snapshot, Transport, Trouble } from "./types";
import { NOTHING } from "./types";

export interface Options {
  transport: Transport;
  outbox: Outbox;
  /** Whether somebody is there: who left for lunch holds nothing up. */
  active?: () => boolean;
}

const HELD = 20;
const LOW = 12;
const LEASE_SECONDS = 90;
const BEAT = 30_000;
const BATCH = 100;
const MINE = 1000;
const RETRY = [1, 2, 4, 8, 15].map((seconds) => seconds * 1000);

export class LabelQueue {
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #active: () => boolean;
  readonly #listeners = new Set<() => void>();
  #snapshot: Snapshot = NOTHING;
  #cards: Card[] = [];
  #pending: LabelEvent[] = [];
  #past: Past[] = [];
  readonly #facts = new Map<string, Chip>();
  readonly #skipped = new Set<string>();
  readonly #giveBack = new Set<string>();
  #fixed = 3; // the visible cards and the next two, which nobody but me changes
  #shownAt = Date.now();
  #working = false;
  #again = false;
  #loaded = false;
  #wantsBeat = false;
  #wantsCards = true;
  #wantsMine = true;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #stopped = true;

  constructor({ transport, outbox, active = () => true }: Options) {
    this.#transport = transport;
    this.#outbox = outbox;
    this.#active = active;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Snapshot => this.#snapshot;

  /** Begin: what an earlier visit left is sent first. */
  start(): void {
    this.#stopped = false;
    this.#beat = setInterval(() => {
      if (this.#active()) this.touch();
    }, BEAT);
    this.#work();
  }

  /** End, and give back what I hold. */
  stop(): void {
    this.leave();
    this.#stopped = true;
    clearInterval(this.#beat);
    clearTimeout(this.#retry);
  }

  /** The page goes away, perhaps to come back. */
  leave(): void {
    this.#transport.leave(
      this.#pending,
      this.#cards.map((card) => card.chip),
    );
  }

  /** Hold what I hold for longer, and try again what failed: after a heartbeat, coming back, or being online again. */
  touch = (): void => {
    this.#wantsBeat = true;
    this.#work();
  };

  /** There may be chips for me again. */
  more = (): void => {
    if (this.#cards.length >= LOW) return;
    this.#wantsCards = true;
    this.#work();
  };

  /** How many cards are on the screen at once. */
  show(visible: number): void {
    this.#fixed = visible + 2;
  }

  /** Say something of the first card. */
  decide(decision: Said["decision"], value: string[] = [], note = ""): void {
    const first = this.#cards[0];
    if (first) this.decideAll([{ chip: first.chip, decision, value, note }]);
  }

  /** Say something of several cards in one step, which one undo takes back. */
  decideAll(said: readonly Said[]): void {
    const here = said.filter(({ chip }) => this.#cards.some((card) => card.chip === chip));
    if (here.length === 0) return;
    const now = Date.now();
    const events = eventsOf(here, now - this.#shownAt);
    for (const { chip, decision } of here) if (decision === "skip") this.#skipped.add(chip);
    const gone = new Set(here.map(({ chip }) => chip));
    this.#cards = this.#cards.filter((card) => !gone.has(card.chip));
    this.#past.push({ events });
    this.#shownAt = now;
    const answered = this.#snapshot.answered + opinions(events);
    this.#say(events, { answered, times: [...this.#snapshot.times, ...events.map(() => now)] });
  }

  /** Take the last step back; its chips come first again. */
  undo(): void {
    const step = this.#past.pop();
    if (!step) return;
    const back = new Set(step.events.map((event) => event.chip));
    for (const chip of back) this.#skipped.delete(chip);
    const front = [...back].map((chip) => ({ chip, facts: this.#facts.get(chip) ?? null, again: false }));
    this.#cards = [...front, ...this.#cards.filter((card) => !back.has(card.chip))];
    if (this.#past.length === 0) this.#wantsMine = true; // there may be more than were loaded
    this.#shownAt = Date.now();
    const times = this.#snapshot.times.slice(0, -step.events.length);
    const answered = this.#snapshot.answered - opinions(step.events);
    this.#say(undoOf(step), { answered, times, state: "ready" });
    for (const card of front) if (!card.facts) void this.#learn(card.chip);
  }

  /** The model chose anew: what is not yet near the screen is exchanged for its choice. */
  refresh(): void {
    if (!this.#snapshot.online || this.#cards.length <= this.#fixed) return;
    for (const card of this.#cards.splice(this.#fixed)) this.#giveBack.add(card.chip);
    this.#wantsCards = true;
    this.#tell({});
    this.#work();
  }

  // -- the worker ----------------------------------------------------------------------------------------------------

  #say(events: LabelEvent[], change: Partial<Snapshot>): void {
    this.#pending = [...this.#pending, ...events];
    this.#tell(change);
    if (this.#loaded) this.#keep(events);
    this.#work();
  }

  #keep(events: LabelEvent[]): void {
    this.#outbox.put(events).catch(() => this.#tell({ durable: false }));
  }

  #work(): void {
    this.#again = true;
    if (!this.#working && !this.#stopped) void this.#turn();
  }

  async #turn(): Promise<void> {
    this.#working = true;
    clearTimeout(this.#retry);
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#load();
        await this.#flush();
        await this.#recall();
        await this.#hold();
        await this.#fill();
      }
      this.#failures = 0;
      if (!this.#snapshot.online || this.#snapshot.trouble) this.#tell({ online: true, trouble: null });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#working = false;
    }
  }

  #fail(error: unknown): void {
    const { status = 0, message = String(error), hint = "" } = (error ?? {}) as Partial<Trouble>;
    const passing = status === 0 || status === 408 || status === 429 || status >= 500;
    this.#tell({ online: status !== 0, trouble: { status, message, hint } });
    if (this.#stopped) return;
    // What the server will not change its mind about is tried again too, but rarely: somebody may sign in elsewhere.
    const wait = passing ? RETRY[Math.min(this.#failures++, RETRY.length - 1)] : RETRY.at(-1);
    this.#retry = setTimeout(() => this.#work(), wait);
  }

  async #load(): Promise<void> {
    if (this.#loaded) return;
    const left = await this.#outbox.load().catch(() => {
      this.#tell({ durable: false });
      return [];
    });
    this.#loaded = true;
    this.#keep(this.#pending); // said while it was loading
    this.#pending = [...left, ...this.#pending];
    this.#tell({});
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, BATCH);
      const outcomes = await this.#transport.send(batch);
      const sent = new Set(batch.map((event) => event.id));
      this.#pending = this.#pending.filter((event) => !sent.has(event.id));
      this.#outbox.remove([...sent]).catch(() => undefined); // sent again on the next visit, which changes nothing
      const refused = batch.flatMap((event, at) => {
        const error = outcomes[at]?.error;
        return error ? [{ event, message: error.message }] : [];
      });
      const lost = new Set(refused.map(({ event }) => event.id));
      if (lost.size > 0) {
        this.#past = this.#past
          .map((step) => ({ events: step.events.filter((event) => !lost.has(event.id)) }))
          .filter((step) => step.events.length > 0);
      }
      const answered = this.#snapshot.answered - opinions(refused.map(({ event }) => event));
      this.#tell({ online: true, trouble: null, answered, refused: [...this.#snapshot.refused, ...refused] });
    }
  }

  /** What I said on earlier visits, so that undo goes on there. */
  async #recall(): Promise<void> {
    if (!this.#wantsMine) return;
    const mine = await this.#transport.mine(MINE);
    this.#wantsMine = false;
    const here = new Set(this.#past.flatMap((step) => step.events.map((event) => event.id)));
    const undone = new Set(this.#pending.map((event) => event.voids));
    const before = mine.filter((event) => !here.has(event.id) && !undone.has(event.id));
    this.#past = [...before.reverse().map((event) => ({ events: [event] })), ...this.#past];
    this.#tell({});
  }

  async #hold(): Promise<void> {
    const back = [...this.#giveBack].filter((chip) => !this.#cards.some((card) => card.chip === chip));
    this.#giveBack.clear();
    if (back.length > 0) await this.#transport.release(back);
    if (!this.#wantsBeat) return;
    const held = new Set(await this.#transport.heartbeat(LEASE_SECONDS));
    this.#wantsBeat = false;
    // An answer to a chip that went to others still counts, so that what is near the screen may stay.
    const kept = this.#cards.filter((card, at) => at < this.#fixed || held.has(card.chip));
    if (kept.length < LOW) this.#wantsCards = true;
    this.#cards = kept;
    this.#tell({});
  }

  async #fill(): Promise<void> {
    if (!this.#wantsCards && this.#cards.length > LOW) return;
    if (!this.#wantsCards && this.#snapshot.state === "empty") return;
    const chips = await this.#transport.lease(HELD, LEASE_SECONDS);
    this.#wantsCards = false;
    // What I answered while the server was asked is not asked again.
    const known = new Set([...this.#cards, ...this.#pending].map(({ chip }) => chip));
    const fresh = chips.filter((chip) => !known.has(chip.id));
    if (this.#cards.length === 0) this.#shownAt = Date.now();
    for (const chip of fresh) this.#facts.set(chip.id, chip);
    this.#cards = [
      ...this.#cards,
      ...fresh.map((chip) => ({ chip: chip.id, facts: chip, again: this.#skipped.has(chip.id) })),
    ];
    this.#tell({ state: this.#cards.length > 0 ? "ready" : "empty" });
  }

  async #learn(chip: string): Promise<void> {
    const facts = await this.#transport.facts(chip).catch(() => null);
    if (!facts) return;
    this.#facts.set(chip, facts);
    this.#cards = this.#cards.map((card) => (card.chip === chip ? { ...card, facts } : card));
    this.#tell({});
  }

  #tell(change: Partial<Snapshot>): void {
    this.#snapshot = {
      ...this.#snapshot,
      ...change,
      cards: this.#cards,
      waiting: this.#pending.length,
      last: this.#past.at(-1) ?? null,
    };
    for (const listener of this.#listeners) listener();
  }
}

/** Who passes a chip over, or takes something back, gives no opinion. */
const opinions = (events: readonly LabelEvent[]): number =>
  events.filter(({ decision }) => decision === "label" || decision === "unsure").length;
