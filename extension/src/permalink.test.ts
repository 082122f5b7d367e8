import { describe, expect, test } from "vitest";
import shared from "../../tests/permalinks.json";
import { acrossDateline, type Link, PermalinkError, readPermalink, writePermalink } from "./permalink";
import type { Rectangle } from "./pixels";

const TODAY = new Date(`${shared.today}T15:00:00Z`);
const HOST = shared.host;
const NOW = new Date(0);

interface Case {
  name: string;
  url: string;
  says?: Record<string, unknown>;
  error?: string;
}

const said = ({ layers, ...link }: Link) => ({ ...link, layers: layers.map(({ id, visible }) => [id, visible]) });

function failure(url: string): PermalinkError | null {
  try {
    readPermalink(url, TODAY);
    return null;
  } catch (error) {
    return error as PermalinkError;
  }
}

describe("a link says what the shared table says", () => {
  test.each(shared.links as Case[])("$name", ({ url, says, error }) => {
    const whole = url.startsWith("?") ? HOST + url : url;
    if (says) expect(said(readPermalink(whole, TODAY))).toEqual({ ...shared.unless_said, ...says });
    else
      expect(failure(whole)).toMatchObject({ name: "PermalinkError", code: error, hint: expect.stringMatching(/./) });
  });
});

describe("a link without a time shows yesterday until imagery of today comes", () => {
  test.each(shared.without_a_time)("$name", ({ now, time }) => {
    expect(readPermalink(`${HOST}?l=A`, new Date(now)).time).toBe(time);
  });
});

describe("beyond 180 lies the neighbouring day", () => {
  test.each(shared.across_dateline)("$name", ({ rectangle, time, is, error }) => {
    if (!is) {
      expect(() => acrossDateline(rectangle as Rectangle, time)).toThrow(expect.objectContaining({ code: error }));
      return;
    }
    const found = acrossDateline(rectangle as Rectangle, time);
    expect({ rectangle: found.rectangle, time: found.time }).toEqual(is);
    expect(found.days).toBe((Date.parse(is.time) - Date.parse(time)) / 86_400_000);
  });
});

describe("a link to somewhere else", () => {
  const base = `${HOST}?v=-125,37,-120,41&z=3&l=Coastlines,A(opacity=0.5,hidden),B&lg=true&t=2020-08-16-T00%3A00%3A00Z#x`;

  test("shows the place, the day and the layer, and keeps the rest", () => {
    const link = writePermalink(base, { box: [10, -5, 12, -3], time: "2021-01-02T03:04:05Z", layers: ["A"] });
    expect(link).toBe(
      `${HOST}?v=10,-5,12,-3&z=3&l=Coastlines,A(opacity=0.5),B(hidden)&lg=true&t=2021-01-02-T03:04:05Z#x`,
    );
  });

  test("says what was written", () => {
    const link = writePermalink(base, { view: [0, 1, 2, 3], crs: "EPSG:3413", time: "2021-01-02", layers: ["New"] });
    expect(readPermalink(link, NOW)).toMatchObject({
      view: [0, 1, 2, 3],
      crs: "EPSG:3413",
      time: "2021-01-02T00:00:00Z",
    });
    expect(
      readPermalink(link, NOW)
        .layers.filter(({ visible }) => visible)
        .map(({ id }) => id),
    ).toEqual(["Coastlines", "New"]);
  });

  test("leaves alone what is not asked for", () => {
    expect(readPermalink(writePermalink(base, {}), NOW)).toEqual(readPermalink(base, NOW));
  });

  test("closes an animation, which would show its own days", () => {
    const link = writePermalink(`${HOST}?l=A&ab=on&as=2020-01-01&ae=2020-01-08&i=3`, { time: "2021-01-02" });
    expect([...new URL(link).searchParams.keys()].sort()).toEqual(["i", "l", "t"]);
  });

  test("writes layers of old links as Worldview reads them today", () => {
    const old = `${HOST}?l=A,!B,!C(opacity=0.5)&ca=true&l1=!D`;
    const [l, l1] = ["A,B(hidden),C(hidden,opacity=0.5)", "D(hidden)"];
    const link = new URL(writePermalink(old, { view: [0, 1, 2, 3] })).searchParams;
    expect([link.get("l"), link.get("l1")]).toEqual([l, l1]);
    expect(new URL(writePermalink(old, { layers: ["C"] })).searchParams.get("l")).toBe(
      "C(opacity=0.5),A(hidden),B(hidden)",
    );
    const products = `${HOST}?products=baselayers,A,!B~overlays,!C&time=2012-05-23`;
    expect(new URL(writePermalink(products, {})).searchParams.get("l")).toBe("A,B(hidden),C(hidden)");
  });

  test("runs on beyond 180 where a box crosses it", () => {
    expect(readPermalink(writePermalink(base, { box: [170, 0, -170, 10] }), NOW).view).toEqual([170, 0, 190, 10]);
  });

  test("changes the active side of a comparison alone", () => {
    const compared = `${base.replace("#x", "")}&ca=false&l1=B&t1=2019-01-01`;
    const link = writePermalink(compared, { time: "2021-01-02", layers: ["A"] });
    expect(readPermalink(link, NOW)).toMatchObject({ side: "b", time: "2021-01-02T00:00:00Z" });
    expect(readPermalink(link.replace("ca=false", "ca=true"), NOW)).toMatchObject({ time: "2020-08-16T00:00:00Z" });
  });

  test("takes no turn and no view to another map", () => {
    const polar = `${HOST}?p=arctic&v=1,2,3,4&r=30&l=A`;
    expect(readPermalink(writePermalink(polar, { box: [1, 2, 3, 4] }), NOW)).toMatchObject({
      crs: "EPSG:4326",
      rotation: 0,
    });
    expect(readPermalink(writePermalink(polar, { crs: "EPSG:3031" }), NOW).view[0]).toBe(-4194304);
  });

  test("keeps brackets in brackets", () => {
    const nested = `${HOST}?l=${encodeURIComponent('H(bandCombo={"assets":["B07","B05"]},hidden),A')}`;
    const link = writePermalink(nested, { layers: ["H"] });
    expect(new URL(link).searchParams.get("l")).toBe('H(bandCombo={"assets":["B07","B05"]}),A(hidden)');
  });

  test("is refused for what is no link, and for a time that is none", () => {
    expect(() => writePermalink("https://example.org/", {})).toThrow(PermalinkError);
    expect(() => writePermalink(base, { time: "never" })).toThrow(/not a time/);
  });
});
