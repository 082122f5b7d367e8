/** The points of the world map, drawn by the processor into the canvas of an OpenLayers layer. */
import Layer from "ol/layer/Layer";
import type { FrameState } from "ol/Map";
import Source from "ol/source/Source";
import { stamp, type Window2, within } from "./points";

/** All points in one canvas; on the plain map also on the copies of the world beside it. */
export class PointsLayer extends Layer {
  private x: ArrayLike<number> = [];
  private y: ArrayLike<number> = [];
  private colors: Uint32Array = new Uint32Array();
  private front: ArrayLike<number> | null = null;
  private passing: Uint8Array | null = null; // what can be seen and opened; null: all
  private window: Window2 = { scaleX: 1, shiftX: 0, scaleY: 1, shiftY: 0 };
  private readonly canvas = document.createElement("canvas");

  constructor(private readonly around: number) {
    super({ source: new Source({}) });
    this.canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none";
  }

  setPlaces(x: ArrayLike<number>, y: ArrayLike<number>) {
    [this.x, this.y] = [x, y];
    this.changed();
  }

  setColors(colors: Uint32Array, front: ArrayLike<number> | null, passing: Uint8Array | null) {
    [this.colors, this.front, this.passing] = [colors, front, passing];
    this.changed();
  }

  place = (point: number): [number, number] => [this.x[point] as number, this.y[point] as number];

  extent(): [number, number, number, number] | null {
    let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let at = 0; at < this.x.length; at++) {
      const [x, y] = this.place(at);
      if (x < west) west = x;
      if (x > east) east = x;
      if (y < south) south = y;
      if (y > north) north = y;
    }
    return west <= east && south <= north ? [west - 1, south - 1, east + 1, north + 1] : null;
  }

  private shows = (point: number) => this.colors[point] !== 0 && (!this.passing || this.passing[point] === 1);

  private get shifts() {
    return this.around ? [-this.around, 0, this.around] : [0];
  }

  inside([west = 0, south = 0, east = 0, north = 0]: number[]): Uint32Array {
    const found = new Set<number>();
    for (const shift of this.shifts) {
      const [from, to] = [west - shift, east - shift];
      for (const point of within([from, south, to, north], this.x, this.y, this.passing))
        if (this.colors[point] !== 0) found.add(point);
    }
    return Uint32Array.from(found);
  }

  /** The nearest point that is drawn, within some pixels; those in front first. */
  at([x, y]: [number, number]): number {
    let [best, least] = [-1, 144];
    const { scaleX, shiftX, scaleY, shiftY } = this.window;
    for (const shift of this.shifts)
      for (let point = 0; point < this.x.length; point++) {
        if (!this.shows(point)) continue;
        const dx = ((this.x[point] as number) + shift) * scaleX + shiftX - x;
        const dy = (this.y[point] as number) * scaleY + shiftY - y;
        if (dx * dx + dy * dy < least) [best, least] = [point, dx * dx + dy * dy];
      }
    return best;
  }

  override render(frame: FrameState): HTMLElement {
    const [width = 1, height = 1] = frame.size;
    const [scaleX = 1, , , scaleY = -1, shiftX = 0, shiftY = 0] = frame.coordinateToPixelTransform;
    this.window = { scaleX, shiftX, scaleY, shiftY };
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d");
    if (!context) return this.canvas;
    const picture = context.createImageData(Math.floor(width), Math.floor(height));
    const pixels = new Uint32Array(picture.data.buffer);
    const side = this.x.length > 100_000 ? 2 : this.x.length > 10_000 ? 3 : 5;
    const color = (point: number) => this.colors[point] ?? 0;
    for (const which of this.front ? [null, this.front] : [null])
      for (const shift of this.shifts) {
        const moved = { ...this.window, shiftX: shiftX + shift * scaleX };
        stamp(pixels, picture.width, picture.height, this.x, this.y, moved, which ? side + 2 : side, color, which);
      }
    context.putImageData(picture, 0, 0);
    return this.canvas;
  }
}
