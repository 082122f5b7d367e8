import { describe, expect, it } from "vitest";
import { centerOf } from "./items";
import { eventsFor, pieces, undoOf } from "./labelling";
import { MOST_SELECTED, toggled, united } from "./selection";

describe("the selection", () => {
  it("takes the first ten thousand", () => {
    const many = united(
      new Set(),
      Array.from({ length: MOST_SELECTED + 5 }, (_, at) => String(at)),
    );
    expect(many.size).toBe(MOST_SELECTED);
  });
  it("toggles", () => {
    expect([...toggled(new Set(["a"]), "b")]).toEqual(["a", "b"]);
    expect([...toggled(new Set(["a"]), "a")]).toEqual([]);
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
});

describe("centerOf", () => {
  it("is right across longitude 180", () =>
    expect(centerOf({ west: 170, south: 0, east: -160, north: 10 })).toEqual([-175, 5]));
});
