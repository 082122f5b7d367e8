import { expect, test } from "vitest";
import { coverage, covers, datesOf, missing, parametersOf, readOrder, withLink, writeOrder } from "./order";

const read = (text: string) => readOrder(new URLSearchParams(text));

test("an address holds the whole order", () => {
  const text =
    "place=-10%2C+30%2C+10%2C+45&layers=A%2CB&from=2020-08-16&to=2020-08-22&every=2&crs=EPSG%3A3413&zoom=5&size=256&stride=128&valid=0.8&mask=M&clouds=C&cloudy=0.6&edge=within";
  expect(writeOrder(read(text)).toString()).toBe(text);
});
test("an empty address is an empty order", () => {
  expect(writeOrder(read("")).toString()).toBe("");
  expect(parametersOf(read(""))).toBeNull();
  expect(missing(read(""))).toMatch(/where/);
  expect(missing(read("place=0,0,1,1"))).toMatch(/layer/);
});
test("nonsense in an address does no harm", () => expect(read("place=x&crs=EPSG:1&zoom=a&every=-3")).toEqual(read("")));
test("the fields of a download", () =>
  expect(parametersOf(read("place=0,0,1,1&layers=A&from=2020-08-16&to=2020-08-18&size=256"))).toEqual({
    bbox: [0, 0, 1, 1],
    layers: ["A"],
    dates: "2020-08-16/2020-08-18",
    crs: "EPSG:4326",
    chip_size: 256,
    min_valid: 0.5,
  }));
test("clouds, gaps and borders are told only where they are chosen", () => {
  const order = parametersOf(read("place=0,0,1,1&layers=A&mask=M&clouds=C&cloudy=0.6&edge=within"));
  expect(order).toMatchObject({ mask: "M", clouds: "C", max_clouds: 0.6, edge: "within" });
  expect(parametersOf(read("place=0,0,1,1&layers=A&cloudy=0.6"))).not.toHaveProperty("max_clouds");
});
const LINK = "https://worldview.earthdata.nasa.gov/?v=0,0,1,1";
test("a link to Worldview brings layers, days and projection itself", () =>
  expect(parametersOf(read(`place=${LINK}&crs=EPSG:3413`))).toEqual({ worldview: LINK, min_valid: 0.5 }));
test("layers and days that are chosen count instead of those of a link", () =>
  expect(parametersOf(read(`place=${LINK}&layers=B&from=2020-01-01`))).toEqual({
    worldview: LINK,
    layers: ["B"],
    dates: "2020-01-01/2020-01-01",
    min_valid: 0.5,
  }));
test("what a link says is shown, unless something else was chosen", () => {
  const says = { layers: ["A"], crs: "EPSG:3413", start: "2020-08-16T00:00:00Z", end: "2020-08-18T00:00:01Z" };
  const shown = withLink(read(`place=${LINK}`), [says]);
  expect([shown.layers, shown.crs, shown.from, shown.to]).toEqual([["A"], "EPSG:3413", "2020-08-16", "2020-08-18"]);
  const chosen = withLink(read(`place=${LINK}&layers=B&from=2020-01-01&to=2020-01-02`), [says]);
  expect([chosen.layers, chosen.crs, chosen.from, chosen.to]).toEqual([["B"], "EPSG:3413", "2020-01-01", "2020-01-02"]);
  expect(withLink(read("place=0,0,1,1&layers=B"), [says]).layers).toEqual(["B"]);
});
test("a stride without a chip size means nothing", () =>
  expect(parametersOf(read("place=0,0,1,1&layers=A&stride=10"))).not.toHaveProperty("stride"));
test("dates", () => {
  expect(datesOf({ from: "", to: "", every: 1 })).toBe("");
  expect(datesOf({ from: "2020-01-02", to: "2020-01-01", every: 1 })).toBe("2020-01-02/2020-01-02");
  expect(datesOf({ from: "2020-01-02", to: "2020-02-01", every: 7 })).toBe("2020-01-02/2020-02-01/P7D");
});
test("coverage", () => {
  expect(coverage("2000-01-01", "2000-01-11", "2000-01-06", "2000-01-11")).toEqual([0.5, 1]);
  expect(coverage(null, null, "2000-01-06", "")).toBeNull();
  expect(covers("2000-01-01", "2010-01-01", false, "2011-01-01", "2011-02-01")).toBe(false);
  expect(covers("2000-01-01", "2010-01-01", true, "2011-01-01", "2011-02-01")).toBe(true);
  expect(covers("2000-01-01", null, null, "1999-01-01", "1999-12-31")).toBe(false);
});
