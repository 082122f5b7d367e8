/** Takes Worldview to where and when a chip was taken: to its place on the polar map if it was cut from that. */
import { api, Fault, get } from "../../../frontend/src/api/client";
import { type Place, writePermalink } from "../permalink";
import { WORLDVIEW, worldviewTab } from "../worldview";
import { around } from "./filters";

export async function fly(id: string, last: number | null): Promise<void> {
  const { box, time, layer, tile } = await get(api.GET("/api/v1/chips/{chip}", { params: { path: { chip: id } } }));
  const place = onPolarMap(tile ?? null) ?? (box && { box: around(box) });
  if (!place) throw new Fault(0, "NoPlace", "This chip has no place.", "It was imported without one.");
  const tab = await worldviewTab(last);
  const url = writePermalink(tab?.url ?? WORLDVIEW, {
    ...place,
    ...(time && { time: time.slice(0, 19) }),
    ...(layer && { layers: [layer] }),
  });
  if (tab?.id === undefined) await chrome.tabs.create({ url });
  else await chrome.tabs.update(tab.id, { url, active: true });
}

const EDGE = 4194304; // metres from the pole to each edge of the polar maps
const COARSEST = 8192; // metres of a pixel at zoom 0
const TILE = 512; // pixels

/**
 * What shows a chip of a polar grid with as much around it: `EPSG:3413/zoom/row/column`, or `EPSG:3413/zoom/x+width/y+height`
 * in pixels of that zoom, both from the upper left corner. Null for chips of other grids.
 */
export function onPolarMap(tile: string | null): Place | null {
  const [crs, zoom, one, other] = tile?.split("/") ?? [];
  if ((crs !== "EPSG:3413" && crs !== "EPSG:3031") || one === undefined || other === undefined) return null;
  const metres = COARSEST / 2 ** Number(zoom);
  const [x, width] = one.startsWith("x") ? span(one) : [Number(other) * TILE, TILE];
  const [y, height] = other.startsWith("y") ? span(other) : [Number(one) * TILE, TILE];
  const left = (x - width) * metres - EDGE;
  const top = EDGE - (y - height) * metres;
  return { crs, view: [left, top - 3 * height * metres, left + 3 * width * metres, top] };
}

/** `x1920+128` → 1920 and 128. */
const span = (text: string) => text.slice(1).split("+").map(Number) as [start: number, length: number];
