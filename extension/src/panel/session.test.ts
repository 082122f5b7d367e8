import { describe, expect, it } from "vitest";
import { EMPTY, lastCapture, type Sample, signOf, withCapture, withoutSample, withSample } from "./session";

const sample = (id: string, way: Sample["way"] = "source"): Sample => ({
  example: way === "result" ? { chip: id } : { example: id },
  layer: "VIIRS",
  time: "2020-08-16T00:00:00Z",
  center: [0, 0],
  way,
  scene: null,
  notes: [],
});
const ids = (list: readonly object[]) => list.map((one) => Object.values(one)[0]);

describe("a capture", () => {
  const filtered = { ...EMPTY, query: { ...EMPTY.query, dates: "2020" } };
  const three = [sample("a"), sample("b")].reduce((now, one) => withCapture(now, "like", one, 1), filtered);
  const full = withSample(three, "unlike", sample("chip", "result"));

  it("begins a new search, and keeps the filters", () => {
    const { query, samples } = withCapture(full, "new", sample("c"), 2);
    expect([ids(query.like), ids(query.unlike), query.dates]).toEqual([["c"], [], "2020"]);
    expect(samples).toHaveLength(1);
  });

  it("is one more example, for or against", () => {
    expect(ids(withCapture(full, "like", sample("c"), 2).query.like)).toEqual(["a", "b", "c"]);
    expect(ids(withCapture(full, "unlike", sample("c"), 2).query.unlike)).toEqual(["chip", "c"]);
  });

  it("drawn again takes the place and the side of the last one, not of a result", () => {
    const { query, samples } = withCapture(withCapture(full, "unlike", sample("c"), 1), "again", sample("d"), 2);
    expect([ids(query.like), ids(query.unlike)]).toEqual([
      ["a", "b"],
      ["chip", "d"],
    ]);
    expect(samples).toHaveLength(4);
  });

  it("drawn again where there was none begins a search", () =>
    expect(ids(withCapture(EMPTY, "again", sample("a"), 1).query.like)).toEqual(["a"]));

  it("of the same region twice is one", () =>
    expect(withCapture(full, "like", sample("a"), 1).samples.filter(({ way }) => way === "source")).toHaveLength(2));

  it("remembers the tab that it came from", () => expect(withCapture(EMPTY, "new", sample("a"), 7).tab).toBe(7));
});

describe("an example", () => {
  it("changes sides when it is added to the other", () => {
    const turned = withSample(withSample(EMPTY, "like", sample("a")), "unlike", sample("a"));
    expect([turned.query.like, ids(turned.query.unlike), turned.samples.length]).toEqual([[], ["a"], 1]);
    expect(signOf(turned.query, { example: "a" })).toBe("unlike");
  });

  it("is gone with all that was known of it", () => {
    const left = withoutSample(withSample(EMPTY, "like", sample("a")), { example: "a" });
    expect([left.query.like, left.samples, lastCapture(left)]).toEqual([[], [], undefined]);
  });
});
