import { expect, it } from "vitest";
import { type LabelMap, saidAmong, saidOf, shownTask } from "./labelMap";

const task = { id: "t", question: "?", classes: ["smoke", "clear"] } as LabelMap["task"];
const labels: LabelMap = {
  task,
  answers: [["smoke"], ["clear"], ["smoke", "clear"], []],
  said: Uint16Array.of(1, 2, 3, 65_534, 65_535),
  mine: Uint8Array.of(1, 0, 0, 0, 0),
};

it("says what was answered of a chip, and whether by me", () => {
  expect(saidOf(labels, 0)).toEqual({ text: "clear", name: "clear", mine: true });
  expect(saidOf(labels, 1)).toEqual({ text: "smoke, clear", name: "smoke", mine: false });
  expect(saidOf(labels, 2)?.text).toBe("None of them");
  expect(saidOf(labels, 3)).toEqual({ text: "Unsure", name: undefined, mine: false });
  expect([saidOf(labels, 4), saidOf(labels, 99), saidOf(null, 0)]).toEqual([null, null, null]);
});

it("shows the labels of the newest task unless another is named, or none", () => {
  const counts = { chips: 0 } as Parameters<typeof shownTask>[0][number]["counts"];
  const tasks = [
    { task: { ...task, id: "old" }, counts },
    { task, counts },
  ];
  expect(shownTask(tasks, "")?.id).toBe("t");
  expect(shownTask(tasks, "old")?.id).toBe("old");
  expect(shownTask(tasks, "none")).toBeNull();
  expect(shownTask([], "")).toBeNull();
});

it("filters by what was said as the server does", () => {
  const passing = (...wanted: string[]) => [0, 1, 2, 3, 4, 99].filter(saidAmong(labels, wanted));
  expect(passing("clear")).toEqual([0, 1]);
  expect(passing("smoke", "unsure")).toEqual([1, 3]);
  expect(passing("none")).toEqual([2]);
  expect(passing("waiting")).toEqual([4, 99]);
  const called = { ...labels, task: { ...task, classes: ["none", "waiting"] }, answers: [["none"], ["waiting"], []] };
  expect([0, 1, 2, 3, 4].filter(saidAmong(called, ["none", "waiting"]))).toEqual([0]); // a class of such a name
});
