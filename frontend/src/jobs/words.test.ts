import { expect, test } from "vitest";
import { isActive, isOpen, type Job, nameOf, restOf, secondsLeft, shareOf, standing } from "./words";

const START = Date.parse("2026-11-21T10:00:00Z");
const job = (change: Partial<Job>): Job =>
  ({
    id: "12345678",
    kind: "download",
    state: "running",
    done: 0,
    total: null,
    parameters: {},
    created: "2026-11-21T10:00:00Z",
    started: "2026-11-21T10:00:00Z",
    ...change,
  }) as Job;

test("the time left follows from the pace so far", () =>
  expect(secondsLeft(job({ done: 25, total: 100 }), START + 60_000)).toBeCloseTo(180));
test("too early to tell is not told", () => {
  expect(secondsLeft(job({ done: 1, total: 100 }), START + 60_000)).toBeNull();
  expect(secondsLeft(job({ done: 50, total: 100 }), START + 1000)).toBeNull();
  expect(secondsLeft(job({ done: 50 }), START + 60_000)).toBeNull();
});
test("more than all is all", () => expect(shareOf({ done: 12, total: 10 })).toBe(1));
test("what is paused has not ended, and nobody works on it", () => {
  expect([isOpen(job({ state: "paused" })), isActive(job({ state: "paused" }))]).toEqual([true, false]);
  expect([isOpen(job({ state: "running" })), isActive(job({ state: "running" }))]).toEqual([true, true]);
  expect([isOpen(job({ state: "done" })), isActive(job({ state: "done" }))]).toEqual([false, false]);
});
test("a pause says whether what was done counts", () => {
  expect(standing(job({ state: "paused" }), START)).toBe("Paused. What is done is kept.");
  expect(standing(job({ state: "paused", kind: "export" }), START)).toBe("Paused. It begins anew when it goes on.");
});
test("a failure is told in the server's words", () =>
  expect(standing(job({ state: "failed", error: "the disk is full" }), START)).toBe("The disk is full."));
test("what runs says how far it is", () => {
  expect(standing(job({ done: 25, total: 100 }), START + 60_000)).toBe("25 of 100, about 3 minutes left");
  expect(standing(job({ done: 0 }), START)).toBe("Begun");
});
test("what is done says what came of it", () =>
  expect(standing(job({ state: "done", result: { chips: 1200 } }), START)).toBe("Done: 1,200 chips"));
test("what was there already or left out is told, too", () =>
  expect(
    standing(job({ state: "done", result: { added: 1, present: 3, skipped: { blank: 2, cloudy: 4 } } }), START),
  ).toBe("Done: 1 chip, 3 here already, 6 left out (blank, cloudy)"));
test("a download that was only tried can get the rest", () => {
  const tried = { state: "done", parameters: { layers: ["A"], limit: 100 } } as const;
  expect(restOf(job(tried))).toEqual({ layers: ["A"] });
  expect(restOf(job({ ...tried, state: "running" }))).toBeNull();
  expect(restOf(job({ ...tried, parameters: { layers: ["A"], limit: null } }))).toBeNull();
});
test("a training tells its time, not its steps, and at the end what is thought of it", () => {
  const training = job({ kind: "train", parameters: { minutes: 10 }, done: 250, total: 1000 });
  expect(standing(training, START)).toBe("25%, about 8 minutes left");
  expect(standing({ ...training, done: 1000 }, START)).toBe("Comparing it with the encoders that there are");
  const result = { verdict: "no better: keep lite0-64" };
  expect(standing({ ...training, state: "done", result }, START)).toBe("Done: no better: keep lite0-64");
  expect(standing({ ...training, state: "cancelled", result }, START)).toBe("Stopped: no better: keep lite0-64");
});
test("an unknown kind keeps its name", () => expect(nameOf("distil")).toBe("Distil"));
