import { expect, test } from "vitest";
import { calendarOf, told } from "./words";

test("agreement is told with its interval", () =>
  expect(told({ value: 0.8123, chips: 40, low: 0.7, high: 0.9, reason: "" })).toBe(
    "Agreement 0.81 (95%: 0.70 to 0.90), from 40 chips.",
  ));
test("no agreement says why", () =>
  expect(told({ value: null, chips: 0, reason: "nobody saw the same chip" })).toBe(
    "No figure of agreement: nobody saw the same chip.",
  ));
test("finds are counted by month in UTC, with the years between", () => {
  const { years, counts, most } = calendarOf([
    "2019-12-31T23:59:59Z",
    "2021-01-01T00:00:00Z",
    "2021-01-31T10:00:00Z",
    null,
  ]);
  expect(years).toEqual([2019, 2020, 2021]);
  expect(counts.get(2019)?.[11]).toBe(1);
  expect(counts.get(2021)?.[0]).toBe(2);
  expect(most).toBe(2);
});
test("no times is no calendar", () => expect(calendarOf([null]).years).toEqual([]));
