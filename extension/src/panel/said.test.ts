import { describe, expect, it } from "vitest";
import { byChip, isSaid, labelOf, withSaid } from "./said";

describe("what is said of a chip", () => {
  it("is what the server has of it", () =>
    expect(
      byChip([
        { id: "2", chip: "a", decision: "label", value: ["clear"] },
        { id: "1", chip: "b", decision: "unsure", value: [] },
      ]),
    ).toEqual({ a: { id: "2", value: ["clear"] }, b: { id: "1", value: null } }));

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
