import { describe, expect, it } from "vitest";
import { type Query, read, readBox, withExample, withoutExample, write } from "./query";

const picture = { example: "a".repeat(64) };
const chip = { chip: "VIIRS/2020:1,2" };

describe("the address", () => {
  it("says all of a query, and reads it back", () => {
    const query: Query = {
      like: [picture, chip],
      unlike: [{ chip: "b" }],
      box: [170, -10.5, -170, 10],
      dates: "2020-08/2021-01",
      layers: ["Terra, true & colour"],
      folders: ["forest", "river"],
      labels: ["island, or reef", "waiting"],
      scores: [-0.5, null],
      diversity: 0.3,
      collapse: 0.95,
      most: 2000,
      views: ["likeness", "time"],
      color: "layer",
      task: "t1",
      order: "model",
      wanted: "island, or reef",
      projection: "3413",
      size: 96,
      chip: "c",
      worldview: "https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=A(hidden),B&t=2020-08-16",
    };
    expect(read(new URLSearchParams(write(query).toString()))).toEqual(query);
  });

  it("is empty for what is usual", () => expect(write(read(new URLSearchParams())).toString()).toBe(""));

  it("leaves out what makes no sense", () => {
    const query = read(
      new URLSearchParams("like=x&like=picture:12&box=1,2,3&diversity=much&size=9999&views=moon&scores=2,1&order=x"),
    );
    expect(query).toMatchObject({
      like: [],
      box: null,
      diversity: 0,
      size: 320,
      views: [],
      scores: [null, null],
      order: "",
    });
  });
});

describe("readBox", () => {
  it.each(["0,10,20,5", "0,0,0,1", ",,,", "1,2,3,95", "-190,0,1,1"])("refuses %s", (text) =>
    expect(readBox(text)).toBeNull(),
  );
  it("takes boxes across longitude 180", () => expect(readBox("170,-10,-170,10")).toEqual([170, -10, -170, 10]));
});

describe("examples", () => {
  const empty = read(new URLSearchParams());
  it("change sides, and are there once", () => {
    const like = withExample(withExample(empty, "like", chip), "like", chip);
    expect(like.like).toEqual([chip]);
    const unlike = withExample(like, "unlike", chip);
    expect(unlike).toMatchObject({ like: [], unlike: [chip] });
    expect(withoutExample(unlike, chip).unlike).toEqual([]);
  });
  it("take the place of a task's model", () => {
    expect(withExample({ ...empty, order: "model" }, "like", chip).order).toBe("");
  });
});
