import { describe, expect, it } from "vitest";
import { decode, instants, type MapData, passing } from "./mapData";

function packed(): ArrayBuffer {
  const content = new ArrayBuffer(1024);
  const columns = [
    ["time", "float64", Float64Array.of(1.5e9, Number.NaN)],
    ["x", "float32", Float32Array.of(0.5, -0.5)],
    ["y", "float32", Float32Array.of(0, 1)],
    ["lon", "float32", Float32Array.of(179, Number.NaN)],
    ["lat", "float32", Float32Array.of(10, Number.NaN)],
    ["layer", "uint16", Uint16Array.of(0, 65535)],
    ["folder", "uint16", Uint16Array.of(65535, 1)],
  ] as const;
  const placed = columns.map(([name, type, values], at) => {
    new Uint8Array(content).set(new Uint8Array(values.buffer), 800 + at * 16);
    return { name, type, offset: 800 + at * 16 };
  });
  const head = new TextEncoder().encode(
    JSON.stringify({ chips: 2, layers: ["terra"], folders: ["a", "b"], columns: placed }).padEnd(796),
  );
  new DataView(content).setUint32(0, head.length, true);
  new Uint8Array(content).set(head, 4);
  return content;
}

const all = { box: null, start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY, layers: [], folders: [] };

describe("the map of all chips", () => {
  const map: MapData = decode(packed());
  it("is read as the server writes it", () => {
    expect(map.time[0]).toBe(1.5e12);
    expect([...map.x]).toEqual([0.5, -0.5]);
    expect(map.folder[1]).toBe(1);
  });
  it("is filtered as the server filters", () => {
    expect([...passing(map, all)]).toEqual([1, 1]);
    expect([...passing(map, { ...all, box: [170, 0, -170, 20] })]).toEqual([1, 0]);
    expect([...passing(map, { ...all, folders: ["b"] })]).toEqual([0, 1]);
    expect([...passing(map, { ...all, layers: ["nothing"] })]).toEqual([0, 0]);
    const [start, end] = instants("2017-07");
    expect([...passing(map, { ...all, start, end })]).toEqual([1, 0]);
  });
});

describe("instants", () => {
  it("end after the last day", () => {
    expect(instants("2020-08-01/2020-08-31")[1]).toBe(Date.UTC(2020, 8, 1));
    expect(instants("2020")).toEqual([Date.UTC(2020, 0), Date.UTC(2021, 0)]);
  });
});
