import { describe, expect, it } from "vitest";
import { linkIn, sceneOf, whenAndWhere } from "./worldview";

describe("a link in what was pasted", () => {
  const link = "https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=A(hidden),B&t=2020-08-16-T00:00:00Z";
  it("is found, with blanks around it, and alone where a browser adds the title", () => {
    expect(linkIn(` ${link}\n`)).toBe(link);
    expect(linkIn(`${link}\nEOSDIS Worldview`)).toBe(link);
    expect(linkIn("http://worldview.uat.earthdata.nasa.gov?l=A")).toBe("http://worldview.uat.earthdata.nasa.gov?l=A");
  });

  it.each([
    "",
    "worldview",
    "my worldview",
    "https://example.org/?about=worldview",
    "ftp://worldview.earthdata.nasa.gov",
  ])("is not %s", (text) => expect(linkIn(text)).toBeNull());
});

describe("what a capture shows", () => {
  it("is said by its day and its middle", () => {
    const scene = sceneOf({ layer: "A", time: "2020-08-16T00:00:00Z", box: [-124, 37, -120, 41] });
    expect(whenAndWhere(scene)).toBe("Aug 16, 2020 · 39.000° N, 122.000° W");
  });

  it("may lie across longitude 180", () => {
    const scene = sceneOf({ layer: "A", time: "2020-08-16T23:50:00Z", box: [178, -10, -176, -4] });
    expect(whenAndWhere(scene)).toBe("Aug 16, 2020 · 7.000° S, 179.000° W");
  });
});
