import { expect, test, vi } from "vitest";
import { bookmarkTo, browserOf, inHalves, timeLeft } from "./pairing";

test("a code is shown in two halves", () => expect(inHalves("7KQ4WXHM")).toBe("7KQ4-WXHM"));

test("time runs out", () => {
  const until = "2026-11-21T10:00:00Z";
  const at = (seconds: number) => timeLeft(until, Date.parse(until) - 1000 * seconds);
  expect([600, 65, 0.5].map(at)).toEqual(["10:00", "1:05", "0:01"]);
  expect([0, -5].map(at)).toEqual([null, null]);
});

test("browsers are told by where an extension's requests come from", () => {
  expect(["moz-extension://1-2", "chrome-extension://abc", ""].map(browserOf)).toEqual([
    "Firefox",
    "Chrome or Edge",
    "Another program",
  ]);
});

test("the bookmark opens the app with the address of the page, whatever is in either", () => {
  const bookmark = bookmarkTo("https://h.org/a%20'b'/");
  const [scheme, code = ""] = bookmark.split(/:(.*)/s);
  expect(scheme).toBe("javascript");
  const open = vi.fn();
  const page = "https://worldview.earthdata.nasa.gov/?v=-1,2,3,4&l=A(hidden),B&t=2020-08-16#x";
  new Function("open", "location", decodeURIComponent(code))(open, { href: page });
  const address = new URL(open.mock.calls[0]?.[0]);
  expect(address.pathname).toBe("/a%20'b'/explore");
  expect(address.searchParams.get("worldview")).toBe(page);
  expect([...address.searchParams]).toHaveLength(1);
});
