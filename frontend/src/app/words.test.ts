import { expect, test } from "vitest";
import { bytes, daysBetween, duration, many, percent, sentence } from "./words";

test("one is singular", () => expect([many(1, "chip"), many(2000, "chip")]).toEqual(["1 chip", "2,000 chips"]));
test("bytes in the unit that keeps them short", () =>
  expect([0, 999, 1500, 999_700, 21_400_000_000].map(bytes)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.5 kB",
    "1.0 MB",
    "21 GB",
  ]));
test("durations as a person says them", () =>
  expect([0.2, 1, 75, 120, 11_400, 200_000].map(duration)).toEqual([
    "less than a second",
    "1 second",
    "75 seconds",
    "2 minutes",
    "3.2 hours",
    "2 days",
  ]));
test("percent", () => expect(percent(0.954)).toBe("95%"));
test("days of archives are days in UTC", () => {
  expect(daysBetween("2020-08-16T00:00:00Z", "2020-08-16T23:59:59Z")).toBe("Aug 16, 2020");
  expect(daysBetween("2020-08-16T00:00:00Z", "2020-08-22T00:00:00Z")).toBe("Aug 16, 2020 – Aug 22, 2020");
  expect(daysBetween(null, null)).toBe("");
});
test("sentences begin large and end", () =>
  expect(["use another layer", "Done.", "", "why?"].map(sentence)).toEqual([
    "Use another layer.",
    "Done.",
    "",
    "Why?",
  ]));
