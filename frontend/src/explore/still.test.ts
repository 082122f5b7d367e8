import { describe, expect, it } from "vitest";
import type { Item } from "./items";
import { answered, around, looked, newAtTop, type Still } from "./still";

const items = (...numbers: number[]): Item[] =>
  numbers.map((number) => ({
    id: `c${number}`,
    number,
    score: number,
    time: null,
    layer: null,
    folder: null,
    center: null,
  }));
const numbers = (list: readonly Item[]) => list.map(({ number }) => number);
const first: Still = {
  of: "q",
  ranked: items(1, 2, 3, 4, 5, 6),
  shown: items(1, 2, 3, 4, 5, 6),
  view: [0, 3],
  held: [0, 0],
};

describe("a ranking that changes", () => {
  it("keeps the cards in view where they are, and puts all others in the new order", () => {
    expect(numbers(around(first.shown, items(6, 5, 4, 3, 2, 1), [0, 3]))).toEqual([1, 2, 3, 6, 5, 4]);
    expect(numbers(around(first.shown, items(6, 5, 4, 3, 2, 1), [2, 4]))).toEqual([6, 5, 3, 4, 2, 1]);
  });

  it("keeps a card in view that is no longer found", () => {
    expect(numbers(around(first.shown, items(9, 3, 1), [0, 2]))).toEqual([1, 2, 9, 3]);
  });

  it("shows the newest facts of the cards that stay", () => {
    const [better] = items(1);
    const ranked = [{ ...(better as Item), score: 99 }, ...items(2, 3)];
    expect(around(first.shown, ranked, [0, 3])[0]?.score).toBe(99);
  });

  it("tells how many belong to the top and are not there", () => {
    const still = answered(first, "q", items(6, 1, 5, 2, 3, 4));
    expect(numbers(still.shown)).toEqual([1, 2, 3, 6, 5, 4]);
    expect(newAtTop(still)).toBe(2);
    expect(newAtTop(answered(first, "q", items(3, 2, 1, 4, 5, 6)))).toBe(0); // the same in another order
    expect(newAtTop(answered(first, "q", items(1, 2, 3, 6, 5, 4)))).toBeNull();
  });

  it("begins anew with another question", () => {
    const still = answered(first, "other", items(6, 5));
    expect(numbers(still.shown)).toEqual([6, 5]);
    expect(newAtTop(still)).toBeNull();
  });

  it("gives up the places that were held once they are out of view, and moves nothing that is in view", () => {
    const held = answered(first, "q", items(6, 5, 4, 3, 2, 1));
    const further = looked(held, [2, 5]);
    expect(further.shown).toBe(held.shown);
    const away = looked(held, [3, 6]);
    expect(numbers(away.shown).slice(3)).toEqual(numbers(held.shown).slice(3));
    expect(numbers(looked(away, [0, 3]).shown)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(newAtTop(away)).toBeNull(); // scrolling up shows what is new
  });
});
