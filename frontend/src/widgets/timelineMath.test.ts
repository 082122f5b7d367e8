import { describe, expect, it } from "vitest";
import { binsOf, datesOf, nameOf, rangeOf } from "./timelineMath";

const times = ["2020-01-31T23:59:59Z", "2020-02-01T00:00:00Z", "2020-08-16T10:00:00Z"].map(Date.parse);

describe("binsOf", () => {
  it("counts by month, in UTC", () => {
    const bins = binsOf([...times, Number.NaN]);
    expect(bins?.unit).toBe("month");
    expect(bins?.counts).toEqual([1, 1, 0, 0, 0, 0, 0, 1]);
    expect(bins?.unknown).toBe(1);
  });
  it("counts a few weeks by day", () => expect(binsOf(times.slice(0, 2))?.counts).toEqual([1, 1]));
  it("counts a century by year", () =>
    expect(binsOf([Date.UTC(1920, 0), Date.UTC(2020, 0)])?.counts).toHaveLength(101));
  it("says nothing of nothing", () => expect(binsOf([Number.NaN])).toBeNull());
});

describe("a range", () => {
  const bins = binsOf(times);
  if (!bins) throw new Error("no bins");
  it("is a filter, and is read back from it", () => {
    expect(datesOf(bins, 1, 3)).toBe("2020-02/2020-04");
    expect(rangeOf(bins, "2020-02/2020-04")).toEqual([1, 3]);
    expect(rangeOf(bins, "2020-08-16")).toEqual([7, 7]);
    expect(nameOf(bins, 7)).toBe("2020-08");
  });
  it("of everything is no filter", () => {
    expect(datesOf(bins, 0, 7)).toBe("");
    expect(rangeOf(bins, "")).toEqual([0, 7]);
    expect(rangeOf(bins, "summer")).toEqual([0, 7]);
  });
  it("outside of what there is stays inside the bins", () => expect(rangeOf(bins, "2031")).toEqual([7, 7]));
});
