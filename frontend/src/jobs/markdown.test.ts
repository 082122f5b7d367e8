import { expect, test } from "vitest";
import { blocksOf } from "./markdown";

test("a card becomes blocks", () => {
  const card =
    "# Smoke\n\n12 **labelled** pictures.\n\n## Classes\n\n| class | chips |\n|---|---:|\n| `smoke` | 5 |\n\n- one\n- two\n\n```sh\ncurator export\n```\n";
  expect(blocksOf(card)).toEqual([
    { kind: "heading", level: 1, text: "Smoke" },
    { kind: "text", text: "12 labelled pictures." },
    { kind: "heading", level: 2, text: "Classes" },
    { kind: "table", head: ["class", "chips"], rows: [["smoke", "5"]] },
    { kind: "list", items: ["one", "two"] },
    { kind: "code", text: "curator export" },
  ]);
});
test("indented code is code", () => expect(blocksOf("    a\n    b")).toEqual([{ kind: "code", text: "a\nb" }]));
test("markup stays text", () =>
  expect(blocksOf("<script>alert(1)</script>")).toEqual([{ kind: "text", text: "<script>alert(1)</script>" }]));
test("a cell may hold an escaped bar", () =>
  expect(blocksOf("| a |\n|---|\n| x\\|y |")).toEqual([{ kind: "table", head: ["a"], rows: [["x|y"]] }]));
test("odd input ends", () => {
  for (const odd of ["|", "- ", "```", "#", "#no heading", "* ", "\t", "|\n|"])
    expect(Array.isArray(blocksOf(odd))).toBe(true);
});
