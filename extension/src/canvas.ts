/** Reads what the map shows: the canvases of OpenLayers, laid over each other as they are on the screen. */
import type { Area } from "./messages";

/** Pixels of the longer side: more than any encoder looks at. */
export const MOST_PIXELS = 1024;

/** The part of the map below `area` as a PNG in a data: address. Throws when the browser forbids it. */
export function readMap(viewport: Element, area: Area, ratio: number): string {
  const scale = Math.min(ratio, MOST_PIXELS / Math.max(area.width, area.height));
  const picture = document.createElement("canvas");
  picture.width = Math.max(1, Math.round(area.width * scale));
  picture.height = Math.max(1, Math.round(area.height * scale));
  const paper = picture.getContext("2d");
  if (!paper) throw new Error("this browser gives no canvas to draw on");
  const { left, top } = viewport.getBoundingClientRect();
  const toPicture = new DOMMatrix().scale(scale).translate(left - area.left, top - area.top);
  let drawn = 0;
  for (const canvas of viewport.querySelectorAll<HTMLCanvasElement>(".ol-layer canvas, canvas.ol-layer")) {
    const { display, visibility, transform } = getComputedStyle(canvas);
    if (canvas.width === 0 || display === "none" || visibility === "hidden" || canvas.offsetParent === null) continue;
    paper.setTransform(toPicture.multiply(new DOMMatrix(placed(canvas, transform))));
    paper.globalAlpha = opacityOf(canvas, viewport);
    paper.drawImage(canvas, 0, 0);
    drawn++;
  }
  if (drawn === 0) throw new Error("the map has no canvas that can be read");
  try {
    return picture.toDataURL("image/png");
  } catch {
    throw new Error("the map shows pictures of another site, which the browser lets nobody read");
  }
}

/** From pixels of the canvas to those of the page: OpenLayers says it as a matrix, or by the size alone. */
function placed(canvas: HTMLCanvasElement, transform: string): string {
  if (transform !== "none") return transform;
  return `matrix(${canvas.offsetWidth / canvas.width}, 0, 0, ${canvas.offsetHeight / canvas.height}, 0, 0)`;
}

/** Opacity is said of layers, and counts for all that is in them. */
function opacityOf(canvas: Element, viewport: Element): number {
  let opacity = 1;
  for (let element: Element | null = canvas; element && element !== viewport; element = element.parentElement)
    opacity *= Number(getComputedStyle(element).opacity || 1);
  return opacity;
}
