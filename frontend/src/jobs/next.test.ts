import { expect, test } from "vitest";
import { nextStep, type Situation } from "./next";

const at = (change: Partial<Situation>) =>
  nextStep({ role: "owner", chips: 100, vectors: 100, tasks: [], open: [], ...change }).kind;
const task = (done: number) => ({ id: "t", question: "Smoke?", slots: 10, done, opinions: done });

test("an empty project needs imagery", () => expect(at({ chips: 0, vectors: 0 })).toBe("imagery"));
test("imagery that is under way is watched", () =>
  expect(at({ chips: 0, vectors: 0, open: ["download"] })).toBe("watch"));
test("chips without vectors are embedded, the last of them too", () => {
  expect(at({ vectors: 0 })).toBe("embed");
  const some = nextStep({ role: "owner", chips: 100, vectors: 97, tasks: [task(3)], open: [] });
  expect(some).toEqual({ kind: "embed", missing: 3 });
});
test("while they are embedded one waits for the first, and labels before the last", () => {
  expect(at({ vectors: 0, tasks: [task(3)], open: ["embed"] })).toBe("watch");
  expect(at({ vectors: 97, tasks: [task(3)], open: ["embed"] })).toBe("label");
});
test("without a task one looks for examples", () => expect(at({})).toBe("find"));
test("an unfinished task is labelled", () => expect(at({ tasks: [task(3)] })).toBe("label"));
test("a finished task becomes a dataset", () => expect(at({ tasks: [task(10)] })).toBe("export"));
test("who only labels is never asked to curate", () => {
  expect(at({ role: "annotator", chips: 0, vectors: 0 })).toBe("wait");
  expect(at({ role: "annotator", tasks: [task(10)] })).toBe("wait");
  expect(at({ role: "annotator", tasks: [task(1)] })).toBe("label");
});
test("who only looks may look", () => expect(at({ role: "viewer" })).toBe("find"));
