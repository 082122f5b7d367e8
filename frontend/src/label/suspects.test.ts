import { describe, expect, it } from "vitest";
import type { Schemas } from "../api/client";
import { standing, suspects } from "./suspects";

let count = 0;
const said = (chip: string, annotator: string, value: string, more: Partial<Schemas["Label"]> = {}) =>
  ({
    id: `e${++count}`,
    task: "t",
    chip,
    annotator,
    decision: "label",
    value: [value],
    source: "person",
    ...more,
  }) as Schemas["Label"];
const predicted = (chip: string, score: number) => ({ chip, score, standing: "decided" as const });

describe("suspects", () => {
  it("are chips that people and the model put on different sides, the clearest first", () => {
    const labels = standing([
      said("a", "ana", "smoke"),
      said("b", "ana", "clear"),
      said("c", "ana", "smoke"),
      said("d", "ana", "clear"),
    ]);
    const found = suspects(
      labels,
      [predicted("b", 5), predicted("a", 3), predicted("d", -2), predicted("c", -3)],
      "smoke",
    );
    expect(found.map(({ chip, likely }) => [chip, likely])).toEqual([
      ["b", true],
      ["c", false],
    ]);
  });

  it("leave out what the model is unsure of, and what nobody labelled", () => {
    expect(suspects(standing([said("a", "ana", "clear")]), [predicted("a", 0.5), predicted("z", 9)], "smoke")).toEqual(
      [],
    );
  });

  it("count the latest answer of each person that is not undone", () => {
    const first = said("a", "ana", "clear");
    const events = [first, said("a", "ana", "smoke", { voids: null }), said("b", "bo", "clear")];
    const undone = said("b", "bo", "", { decision: "undo", voids: events[2]?.id ?? "" });
    const found = standing([...events, undone]);
    expect(found.get("a")?.map(({ value }) => value)).toEqual([["smoke"]]);
    expect(found.has("b")).toBe(false);
  });

  it("leave out what has been decided", () => {
    const events = [said("a", "ana", "clear"), said("a", "cu", "clear", { source: "adjudication" })];
    expect(standing(events).size).toBe(0);
  });
});
