import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeServer, MemoryOutbox } from "./fakes";
import { LabelQueue } from "./queue";

const names = (count: number) => Array.from({ length: count }, (_, at) => `chip${String(at).padStart(3, "0")}`);
const shown = (queue: LabelQueue) => queue.snapshot().cards.map((card) => card.chip);
const rest = (milliseconds = 1) => vi.advanceTimersByTimeAsync(milliseconds);

let server: FakeServer;
let outbox: MemoryOutbox;
let queue: LabelQueue;

async function begin(count = 40, active = () => true) {
  server = new FakeServer(names(count));
  outbox = new MemoryOutbox();
  queue = new LabelQueue({ transport: server, outbox, active });
  queue.start();
  await rest();
}

/** The page goes away without a word and comes back. */
async function reload() {
  queue.leave = () => undefined;
  queue.stop();
  queue = new LabelQueue({ transport: server, outbox });
  queue.start();
  await rest();
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  queue.stop();
  vi.useRealTimers();
});

describe("deciding", () => {
  it("shows what is leased, in order", async () => {
    await begin();
    expect(shown(queue)).toEqual(names(20));
    expect(queue.snapshot().state).toBe("ready");
  });

  it("shows the next card at once, and saves behind the scenes", async () => {
    await begin();
    queue.decide("label", ["smoke"]);
    expect(shown(queue)[0]).toBe("chip001");
    expect(queue.snapshot().waiting).toBe(1);
    await rest();
    expect(queue.snapshot().waiting).toBe(0);
    expect(server.kept).toMatchObject([{ chip: "chip000", decision: "label", value: ["smoke"] }]);
    expect(outbox.events).toEqual([]);
  });

  it("says how long the card was on the screen, and what was noted", async () => {
    await begin();
    await rest(2500);
    queue.decide("unsure", [], "  haze ");
    await rest();
    expect(server.kept[0]).toMatchObject({ decision: "unsure", seconds: 2.5, note: "haze" });
    expect(server.kept[0]).not.toHaveProperty("value");
  });

  it("sends what gathers meanwhile in one batch of at most a hundred, in order", async () => {
    await begin(300);
    server.online = false;
    for (let at = 0; at < 20; at++) queue.decide("label", ["smoke"]);
    await rest();
    server.online = true;
    queue.touch();
    await rest();
    expect(server.calls).toContain("send 20");
    expect(server.kept.map((event) => event.chip)).toEqual(names(20));
  });

  it("leases more before the cards run out", async () => {
    await begin();
    for (let at = 0; at < 9; at++) {
      queue.decide("label", ["smoke"]);
      await rest();
    }
    expect(shown(queue).length).toBeGreaterThan(12);
    expect(shown(queue)[0]).toBe("chip009");
  });

  it("never asks again what was answered while the server was asked", async () => {
    await begin(30);
    let open = () => {};
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    queue.more();
    queue.touch();
    for (let at = 0; at < 9; at++) queue.decide("label", ["smoke"]);
    server.gate = null;
    open();
    await rest();
    expect(new Set(shown(queue)).size).toBe(shown(queue).length);
    expect(shown(queue)[0]).toBe("chip009");
    expect(server.kept).toHaveLength(9);
  });

  it("answers a screen of cards in one step", async () => {
    await begin();
    queue.decideAll(
      names(9).map((chip, at) => ({ chip, decision: "label" as const, value: [at === 4 ? "clear" : "smoke"] })),
    );
    await rest();
    expect(server.kept).toHaveLength(9);
    expect(shown(queue)[0]).toBe("chip009");
    queue.undo();
    await rest();
    expect(shown(queue).slice(0, 9)).toEqual(names(9));
  });
});

describe("undo", () => {
  it("brings the card back and voids the event", async () => {
    await begin();
    queue.decide("label", ["smoke"]);
    queue.undo();
    expect(shown(queue).slice(0, 2)).toEqual(["chip000", "chip001"]);
    await rest();
    const [first, second] = server.kept;
    expect(second).toMatchObject({ decision: "undo", chip: "chip000", voids: first?.id });
  });

  it("goes back twenty steps across a reload", async () => {
    await begin(60);
    for (let at = 0; at < 20; at++) queue.decide("label", ["smoke"]);
    await rest();
    await reload();
    for (let at = 0; at < 20; at++) queue.undo();
    await rest();
    expect(shown(queue).slice(0, 20)).toEqual(names(20));
    expect(queue.snapshot().last).toBeNull();
    expect(queue.snapshot().cards[0]?.facts?.id).toBe("chip000");
    expect(await server.mine(100)).toEqual([]);
  });

  it("does nothing when there is nothing to undo", async () => {
    await begin();
    queue.undo();
    await rest();
    expect(server.kept).toEqual([]);
  });

  it("answers anew what was undone", async () => {
    await begin();
    queue.decide("label", ["smoke"]);
    queue.undo();
    queue.decide("label", ["clear"]);
    await rest();
    expect((await server.mine(10)).map((event) => event.value)).toEqual([["clear"]]);
  });
});

describe("a bad connection", () => {
  it("keeps answers, and sends each once when it is back", async () => {
    await begin();
    server.online = false;
    for (let at = 0; at < 5; at++) queue.decide("label", ["smoke"]);
    await rest();
    expect(queue.snapshot()).toMatchObject({ waiting: 5, online: false });
    expect(outbox.events).toHaveLength(5);
    server.online = true;
    await rest(20_000);
    expect(queue.snapshot()).toMatchObject({ waiting: 0, online: true, trouble: null });
    expect(server.kept).toHaveLength(5);
  });

  it("sends after a reload what was not sent before", async () => {
    await begin();
    server.online = false;
    queue.decide("label", ["smoke"]);
    queue.decide("skip");
    await rest();
    await reload();
    expect(queue.snapshot().waiting).toBe(2);
    server.online = true;
    await rest(20_000);
    expect(server.kept.map((event) => event.decision)).toEqual(["label", "skip"]);
    expect(outbox.events).toEqual([]);
    expect(shown(queue)).not.toContain("chip000");
  });

  it("doubles nothing when an answer of the server is lost", async () => {
    await begin();
    const send = server.send.bind(server);
    server.send = async (events) => {
      await send(events);
      server.send = send;
      throw { status: 0, message: "lost", hint: "" };
    };
    queue.decide("label", ["smoke"]);
    await rest(5_000);
    expect(queue.snapshot().waiting).toBe(0);
    expect(server.kept).toHaveLength(1);
  });

  it("goes on without storage, and says so", async () => {
    await begin();
    outbox.broken = true;
    queue.decide("label", ["smoke"]);
    await rest();
    expect(server.kept).toHaveLength(1);
    expect(queue.snapshot().durable).toBe(false);
  });

  it("says what the server says when it turns us away, and keeps the answer", async () => {
    await begin();
    server.online = false;
    server.status = 401;
    queue.decide("label", ["smoke"]);
    await rest();
    expect(queue.snapshot()).toMatchObject({ waiting: 1, online: true, trouble: { status: 401 } });
    server.online = true;
    await rest(15_000);
    expect(server.kept).toHaveLength(1);
  });

  it("lets one refused event stop no other", async () => {
    await begin();
    server.refuse.add("chip000");
    queue.decide("label", ["smoke"]);
    queue.decide("label", ["smoke"]);
    await rest();
    expect(server.kept.map((event) => event.chip)).toEqual(["chip001"]);
    expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [{ event: { chip: "chip000" } }] });
    queue.undo();
    await rest();
    expect(server.kept.at(-1)).toMatchObject({ decision: "undo", chip: "chip001" });
  });
});

describe("leases", () => {
  it("are renewed while somebody is there", async () => {
    let here = true;
    await begin(40, () => here);
    await rest(30_000);
    expect(server.calls).toContain("heartbeat");
    here = false;
    server.calls = [];
    await rest(120_000);
    expect(server.calls).toEqual([]);
  });

  it("that expired are fetched again, and the visible card and the next two stay", async () => {
    await begin(60);
    server.queue = names(60).slice(20);
    server.held.clear();
    await rest(30_000);
    expect(shown(queue).slice(0, 4)).toEqual(["chip000", "chip001", "chip002", "chip020"]);
    expect(shown(queue).length).toBeGreaterThan(12);
  });

  it("change with a new round, but for the visible card and the next two", async () => {
    await begin(60);
    server.queue = [...names(60).reverse()];
    queue.refresh();
    expect(shown(queue)).toEqual(names(3));
    await rest();
    expect(shown(queue).slice(0, 5)).toEqual([...names(3), "chip059", "chip058"]);
    expect(server.held.has("chip010")).toBe(false);
  });

  it("are given back when the page goes away, with what was not sent", async () => {
    await begin();
    server.online = false;
    queue.decide("label", ["smoke"]);
    queue.stop();
    expect(server.beacons.at(-1)?.chips).toHaveLength(19);
    expect(server.beacons.at(-1)?.events).toHaveLength(1);
  });
});

describe("the end of work", () => {
  it("is said when nothing is left, and over when there is more", async () => {
    await begin(1);
    queue.decide("label", ["smoke"]);
    await rest();
    expect(queue.snapshot()).toMatchObject({ state: "empty", cards: [] });
    server.queue.push("late");
    queue.more();
    await rest();
    expect(queue.snapshot().state).toBe("ready");
  });

  it("shows again what I skipped when nothing else is left", async () => {
    await begin(2);
    queue.decide("skip");
    queue.decide("label", ["smoke"]);
    await rest();
    expect(queue.snapshot().cards).toMatchObject([{ chip: "chip000", again: true }]);
  });

  it("is left by undo", async () => {
    await begin(1);
    queue.decide("label", ["smoke"]);
    await rest();
    queue.undo();
    expect(queue.snapshot()).toMatchObject({ state: "ready", cards: [{ chip: "chip000" }] });
  });
});
