import { describe, expect, it } from "vitest";
import { moved, rowsInView, Scroller, shapeOf, TALLEST } from "./gridMath";

describe("Scroller", () => {
  const pitch = 248;
  const million = () => new Scroller(250_000 * pitch, 900);

  it("reaches the last of a million items within the tallest element", () => {
    const scroller = million();
    expect(scroller.tall).toBe(TALLEST);
    scroller.scrolled(TALLEST - 900);
    const [first, last] = rowsInView(scroller.place, 900, pitch, 250_000);
    expect(last).toBe(250_000);
    expect(scroller.offset(first * pitch)).toBeGreaterThan(TALLEST - 2000);
    expect(scroller.offset(last * pitch)).toBeCloseTo(TALLEST, 3);
  });

  it("moves pixel by pixel with the wheel", () => {
    const scroller = million();
    scroller.go(10_000_000);
    const before = scroller.place;
    scroller.scrolled(scroller.rest + 100);
    expect(scroller.place - before).toBeCloseTo(100, 3);
  });

  it("can put the scroll bar back without moving what is seen", () => {
    const scroller = million();
    scroller.go(0);
    for (let step = 1; step <= 50; step++) scroller.scrolled(step * 100);
    expect(scroller.place).toBeCloseTo(5000);
    expect(scroller.astray).toBe(true);
    const seen = scroller.place;
    scroller.go(scroller.place);
    expect(scroller.place).toBe(seen);
    expect(scroller.astray).toBe(false);
  });

  it("scrolls short lists as the browser does", () => {
    const scroller = new Scroller(5000, 500);
    scroller.scrolled(4500);
    expect(scroller.place).toBe(4500);
    expect(scroller.offset(4600)).toBe(4600);
  });
});

describe("shapeOf", () => {
  it("fills the width and never has less than one column", () => {
    expect(shapeOf(10, 300, 140, 8)).toMatchObject({ columns: 2, rows: 5, cell: 146 });
    expect(shapeOf(10, 100, 140, 8).columns).toBe(1);
  });
});

describe("moved", () => {
  const shape = shapeOf(11, 300, 92, 8); // three columns
  it.each([
    ["ArrowRight", 0, 1],
    ["ArrowDown", 0, 3],
    ["ArrowUp", 1, 1],
    ["ArrowDown", 9, 9],
    ["End", 2, 10],
    ["Home", 7, 0],
    ["PageDown", 7, 10],
    ["PageUp", 4, 1],
  ])("%s from %i goes to %i", (key, from, to) => expect(moved(key, from, shape, 3)).toBe(to));

  it("knows no other key", () => expect(moved("a", 0, shape, 3)).toBeNull());
});
