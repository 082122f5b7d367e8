import { describe, expect, it } from "vitest";
import { centerOf } from "./items";
import { eventsFor, pieces, undoOf, whyRefused } from "./labelling";
import { numbersOf } from "./mapData";
import { holds, range, toggled, united } from "./selection";

describe("the selection", () => {
  it("unites, each chip once and in order", () => {
    expect([...united(Uint32Array.of(1, 4, 9), Uint32Array.of(0, 4, 5, 12))]).toEqual([0, 1, 4, 5, 9, 12]);
    expect([...united(new Uint32Array(), Uint32Array.of(3))]).toEqual([3]);
  });
  it("toggles, and knows what it holds", () => {
    expect([...toggled(Uint32Array.of(2, 7), 5)]).toEqual([2, 5, 7]);
    expect([...toggled(Uint32Array.of(2, 7), 7)]).toEqual([2]);
    expect([1, 2, 7, 8, -1].map((number) => holds(Uint32Array.of(2, 7), number))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
  it("takes stretches, and what passes a filter", () => {
    expect([...range(2, 5)]).toEqual([2, 3, 4]);
    expect([...range(5, 2)]).toEqual([]);
    expect([...numbersOf(Uint8Array.of(0, 1, 0, 1))]).toEqual([1, 3]);
  });
});

describe("labelling many", () => {
  it("sends all of them in pieces", () => expect(pieces([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]));
  it("takes back each event by its id", () => {
    const events = eventsFor(["a", "b"], "label", ["smoke"]);
    const undo = undoOf({ task: "t", kept: events, refused: [] });
    expect(undo.map((event) => event.voids)).toEqual(events.map((event) => event.id));
    expect(new Set([...events, ...undo].map((event) => event.id)).size).toBe(4);
  });
  it("says once why chips were refused", () => {
    const kept = [{ id: "e", chip: "a" }];
    expect(whyRefused({ kept, refused: [] })).toBeNull();
    const missing = ["b", "c", "d"].map((chip) => `there is no chip ${chip} in task t`);
    expect(whyRefused({ kept, refused: missing })).toBe("3 of 4 chips are not in this task");
    const reasons = ["label e exists and says something else", ...missing];
    expect(whyRefused({ kept: [], refused: reasons })).toBe(`4 of 4 chips were not labelled: ${reasons[0]}`);
  });
});

describe("centerOf", () => {
  it("is right across longitude 180", () =>
    expect(centerOf({ west: 170, south: 0, east: -160, north: 10 })).toEqual([-175, 5]));
});
