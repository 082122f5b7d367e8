import { describe, expect, it } from "vitest";
import { aroundHeld, type Held, holding, type Listed } from "./held";
import type { Item } from "./items";

const item = (number: number): Item => ({
  id: `c${number}`,
  number,
  score: null,
  time: null,
  layer: null,
  folder: null,
  center: null,
});
const list = (...numbers: number[]): Listed => ({
  total: numbers.length,
  at: (index) => (numbers[index] === undefined ? undefined : item(numbers[index])),
});
const held = (first: number, ...numbers: number[]): Held => ({ of: "q", first, items: numbers.map(item) });
const shown = ({ total, at }: Listed) => Array.from({ length: total }, (_, index) => at(index)?.number);

describe("a list that changes", () => {
  it("shows the cards in view and everything else once, whatever has left it", () => {
    const left = aroundHeld(held(2, 3, 4, 5), list(2, 4, 6, 7)); // of 1 to 7, without 1, 3 and 5
    expect(shown(left)).toEqual([2, 6, 3, 4, 5, 7]);
    expect(left.same).toBe(false);
  });

  it("shows what has joined it, also between the cards in view", () => {
    expect(shown(aroundHeld(held(1, 2, 4), list(0, 1, 2, 3, 4, 5)))).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it("is the same while nothing in view would move", () => {
    expect(aroundHeld(held(1, 2, 3), list(1, 2, 3, 9)).same).toBe(true);
    expect(aroundHeld(held(1, 2, 3), list(0, 1, 2, 3)).same).toBe(false);
    expect(aroundHeld(held(0, 1, 2), list()).same).toBe(false);
  });

  it("shows the cards in view when nothing else is left", () => {
    expect(shown(aroundHeld(held(0, 1, 2), list()))).toEqual([1, 2]);
  });

  it("holds what is here", () => {
    expect(holding("q", [1, 4], list(1, 2, 3).at)).toEqual(held(1, 2, 3));
    expect(holding("q", [5, 8], list(1, 2, 3).at)).toBeNull();
  });
});
