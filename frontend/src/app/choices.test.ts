import { expect, test } from "vitest";
import { type Choice, fitting } from "./choices";

const choice = (name: string, words = ""): Choice => ({ name, group: "Go to", words, run: () => {} });
const all = [
  choice("Explore and find"),
  choice("Label"),
  choice("Label: Is there smoke?"),
  choice("Dark colours", "night"),
];
const names = (typed: string) => fitting(all, typed).map(({ name }) => name);

test("nothing typed shows everything, in order", () => expect(names("")).toEqual(all.map(({ name }) => name)));
test("every word must be somewhere", () => expect(names("smoke label")).toEqual(["Label: Is there smoke?"]));
test("hidden words find it too", () => expect(names("NIGHT")).toEqual(["Dark colours"]));
test("what begins with the word comes first", () => expect(names("la")[0]).toBe("Label"));
test("no match is no choice", () => expect(names("xyz")).toEqual([]));
