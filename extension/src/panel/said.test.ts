import { describe, expect, it } from "vitest";
import { isSaid, labelOf, newestOf, withSaid } from "./said";

const event = (id: string, chip: string, decision: "label" | "unsure" | "skip", ...value: string[]) => ({
  id,
  chip,
  decision,
  value,
});

describe("what is said of a chip", () => {
  it("is what was said last", () => {
    const said = newestOf([
      event("3", "a", "label", "clear"),
      event("2", "b", "unsure"),
      event("1", "a", "label", "smoke"),
    ]);
    expect(said).toEqual({ a: { id: "3", value: ["clear"] }, b: { id: "2", value: null } });
  });

  it("is not that it was skipped", () =>
    expect(newestOf([event("2", "a", "skip"), event("1", "a", "label", "smoke")])).toEqual({
      a: { id: "1", value: ["smoke"] },
    }));

  it("can be taken back, and given another value", () => {
    const said = { a: { id: "1", value: ["smoke"] }, b: { id: "2", value: [] } };
    expect(withSaid(said, "a", null)).toEqual({ b: { id: "2", value: [] } });
    expect(withSaid(said, "a", { id: "3", value: ["clear"] }).a?.id).toBe("3");
    expect(said.a.value).toEqual(["smoke"]);
  });

  it("is one class, several, none, or that one is unsure", () => {
    const [one, two, none, unsure] = [["smoke"], ["smoke", "dust"], [], null].map((value) => ({ id: "1", value }));
    expect([one, two, none, unsure, undefined].map(labelOf)).toEqual(["smoke", "smoke, dust", "none", "unsure", null]);
    expect(one && isSaid(one, "smoke")).toBe(true);
    expect(two && isSaid(two, "smoke")).toBe(false);
    expect(unsure && isSaid(unsure, null)).toBe(true);
    expect(one && isSaid(one, null)).toBe(false);
    expect(none && isSaid(none, null)).toBe(false);
  });
});
