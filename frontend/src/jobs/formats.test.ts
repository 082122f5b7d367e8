import { expect, test } from "vitest";
import { SPLITS, sharesOf, whatIs } from "./formats";

test("percents become parts that add up to one", () => {
  const shares = sharesOf({ train: 70, val: 15, test: 15 });
  expect(typeof shares).toBe("object");
  if (typeof shares === "object") expect(shares.train + shares.val + shares.test).toBe(1);
});
test("what does not add up is told", () =>
  expect(sharesOf({ train: 70, val: 20, test: 20 })).toBe("The shares add up to 110%, not to 100%."));
test("no share is negative or missing", () => {
  expect(sharesOf({ train: 120, val: -20, test: 0 })).toMatch(/0% or more/);
  expect(sharesOf({ train: Number.NaN, val: 50, test: 50 })).toMatch(/0% or more/);
});
test("every division warns or advises", () => expect(whatIs(SPLITS, "random")).toMatch(/flatters/));
