import { describe, expect, it } from "vitest";
import { classOf, markOf, marksOf } from "./marks";

const smoke = { classes: ["smoke", "clear"], several: false };
const land = { classes: ["forest", "field", "town"], several: false };

describe("a mark", () => {
  it("is one of the two classes of a question with two answers", () => {
    expect([classOf("yes", smoke, null), classOf("no", smoke, null)]).toEqual(["smoke", "clear"]);
    expect([classOf("yes", smoke, "clear"), classOf("no", smoke, "clear")]).toEqual(["clear", "smoke"]);
  });

  it("is the chosen class of many, and a cross has no meaning there", () => {
    expect([classOf("yes", land, "town"), classOf("no", land, "town")]).toEqual(["town", null]);
    expect(marksOf(land)).not.toContain("no");
    expect(marksOf({ ...smoke, several: true })).not.toContain("no");
  });

  it("falls back to the first class when the chosen one is of another task", () =>
    expect(classOf("yes", land, "smoke")).toBe("forest"));

  it("stands for what was said before a tick was given another meaning", () => {
    const said = { id: "1", value: ["smoke"] };
    expect([markOf(said, smoke, "smoke"), markOf(said, smoke, "clear")]).toEqual(["yes", "no"]);
    const forest = { id: "2", value: ["forest"] };
    expect([markOf(forest, land, "town"), classOf("yes", land, "town")]).toEqual(["yes", "town"]);
    expect(markOf({ id: "3", value: null }, land, "town")).toBe("unsure");
  });

  it("has no class when one is unsure", () => expect(classOf("unsure", smoke, null)).toBeNull());
});
