import { expect, test } from "vitest";
import { usable } from "./uploads";

const file = (name: string, text = "x") => new File([text], name);

test("pictures, archives and scenes are taken, the rest is not", () => {
  const names = ["a.zip", "B.TIF", "c.tar.gz", "d.jpeg", "._d.jpeg", ".DS_Store", "notes.txt", "e.png"];
  expect(usable(names.map((name) => file(name))).map(({ name }) => name)).toEqual([
    "a.zip",
    "B.TIF",
    "c.tar.gz",
    "d.jpeg",
    "e.png",
  ]);
});
test("an empty file is no picture", () => expect(usable([file("a.png", "")])).toEqual([]));
