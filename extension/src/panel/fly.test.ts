import { describe, expect, it } from "vitest";
import { onPolarMap } from "./fly";

describe("the place of a chip on the polar map", () => {
  it("is its window of the grid, with as much around it", () =>
    expect(onPolarMap("EPSG:3413/2/x2048+128/y2560+128")).toEqual({
      crs: "EPSG:3413",
      view: [-262144, -1572864, 524288, -786432],
    }));

  it("is that of a whole tile", () =>
    expect(onPolarMap("EPSG:3031/2/1/2")).toEqual({ crs: "EPSG:3031", view: [-3145728, 1048576, 0, 4194304] }));

  it("is nowhere for chips of other grids and of none", () => {
    expect(onPolarMap("EPSG:4326/4/x1536+128/y1280+128")).toBeNull();
    expect(onPolarMap(null)).toBeNull();
  });
});
