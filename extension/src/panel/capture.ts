/**
 * From a rectangle on Worldview to an example that the server keeps. Three ways, the best one first: the server fetches
 * the region as it fetches chips; the map's own picture; a screenshot. Which one it was, and why, is said.
 */
import { api, Fault, get, type Schemas } from "../../../frontend/src/api/client";
import { sentence } from "../../../frontend/src/app/words";
import type { Drawn } from "../messages";
import { acrossDateline, isDrawn, readPermalink } from "../permalink";
import type { Rectangle } from "../pixels";
import { toDegrees } from "./filters";
import { asked } from "./server";
import type { Sample, Scene, Way } from "./session";

/**
 * What another picture of the same does not help with: the request itself is wrong, or not allowed. 400 is also a
 * place of which the layer shows nothing then (`NoImagery`): a picture of it would be an example of nothing.
 */
const FINAL = new Set([0, 400, 401, 403, 413, 421, 429]);

export async function capture(drawn: Drawn, today: Date): Promise<Sample> {
  try {
    return await takeFromSource(drawn);
  } catch (error) {
    if (!(error instanceof Fault) || FINAL.has(error.status)) throw error;
    return fromScreen(drawn, error, today);
  }
}

/** As the server fetches it; without a layer, the topmost of the link that the project has chips of. */
export async function takeFromSource({ permalink, rectangle }: Scene, wanted?: string): Promise<Sample> {
  const body = { permalink, rectangle, ...(wanted && { layer: wanted }) };
  const { id, layer, time, box, notes } = await get(api.POST("/api/v1/examples/worldview", { body }));
  const center = middle(box as Rectangle);
  return { example: { example: id }, layer, time, center, way: "source", scene: { permalink, rectangle }, notes };
}

async function fromScreen(drawn: Drawn, fault: Fault, today: Date): Promise<Sample> {
  const away = fault.code === "SourceUnreachable";
  const notes = [away ? "It does not answer at the moment." : sentence(fault.message)];
  let way: Way = "map";
  let picture: Blob;
  if (drawn.picture) picture = await (await fetch(drawn.picture)).blob();
  else {
    way = "screenshot";
    notes.push(sentence(drawn.unreadable));
    picture = await screenshot(drawn).catch((error) => {
      throw new Fault(fault.status, fault.code, fault.message, `${sentence(fault.hint)} ${refusal(error)}`);
    });
  }
  const headers = { "Content-Type": "image/png" };
  const answer = await asked("api/v1/examples", { method: "POST", headers, body: picture });
  const kept: Schemas["KeptExample"] = await answer.json();
  const { permalink, rectangle } = drawn;
  return { example: { example: kept.id }, ...factsOf(drawn, today), way, scene: { permalink, rectangle }, notes };
}

function refusal(error: unknown): string {
  const why = sentence(error instanceof Error ? error.message : String(error));
  if (/activeTab/.test(why))
    return "Or click Curator's button in the toolbar: that allows a picture of the tab instead.";
  return `The tab cannot be photographed either: ${why}`;
}

/** What is known of a picture that the server did not fetch: what the link says. */
function factsOf({ permalink, rectangle }: Drawn, today: Date): Pick<Sample, "layer" | "time" | "center"> {
  const link = readPermalink(permalink, today);
  const layer = link.layers.find(({ id, visible }) => visible && !isDrawn(id))?.id ?? null;
  const time = link.crs === "EPSG:4326" ? acrossDateline(rectangle, link.time).time : link.time;
  const [left, bottom, right, top] = rectangle;
  return { layer, time, center: toDegrees([(left + right) / 2, (bottom + top) / 2], link.crs) };
}

/** Of a box that may cross longitude 180. */
export function middle([west, south, east, north]: readonly [number, number, number, number]): [number, number] {
  const lon = (west + (west > east ? east + 360 : east)) / 2;
  return [lon > 180 ? lon - 360 : lon, (south + north) / 2];
}

/** Cut from a picture of the tab as it is on the screen, with all that lies over the map. */
async function screenshot({ tab, permalink, area, ratio }: Drawn): Promise<Blob> {
  const shown = await chrome.tabs.get(tab).catch(() => null);
  // What is photographed is whatever is in front: it has to be what was marked, and no other page.
  if (!shown?.active || shown.url !== permalink) throw new Error("the tab shows something else by now. Draw again");
  const whole = await fetch(await chrome.tabs.captureVisibleTab(shown.windowId, { format: "png" }));
  const [left, top, width, height] = [area.left, area.top, area.width, area.height].map((size) =>
    Math.round(size * ratio),
  ) as [number, number, number, number];
  const cut = await createImageBitmap(await whole.blob(), left, top, width, height);
  const paper = new OffscreenCanvas(width, height);
  paper.getContext("2d")?.drawImage(cut, 0, 0);
  return paper.convertToBlob({ type: "image/png" });
}
