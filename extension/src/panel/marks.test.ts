import { describe, expect, it } from "vitest";
import { classOf, marksOf } from "./marks";

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

  it("has no class when one is unsure", () => expect(classOf("unsure", smoke, null)).toBeNull());
});
