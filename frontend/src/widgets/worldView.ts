/** The OpenLayers side of `WorldMap`: points drawn by the processor, a graticule, the filter's box, small pictures. */
import { Feature, type MapBrowserEvent, Map as OlMap, View } from "ol";
import { LineString, Point, Polygon } from "ol/geom";
import { DragBox, DragPan } from "ol/interaction";
import { defaults as interactions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import { get, getTransform, type Projection } from "ol/proj";
import { register } from "ol/proj/proj4";
import VectorSource from "ol/source/Vector";
import { Fill, Icon, Stroke, Style, Text } from "ol/style";
import proj4 from "proj4";
import { unbroken } from "../imagery/rings";
import { type Edges, outline, plainBox, polarBox } from "./geo";
import { land } from "./land";
import { PointsLayer } from "./pointsLayer";

export type Code = "4326" | "3413" | "3031";

const REACH = 4_194_304; // metres from the pole, as NASA GIBS has it
const LINE = new Stroke({ color: "rgba(110, 135, 145, 0.5)", width: 1 });
const BOX = new Style({ stroke: new Stroke({ color: "#e8590c", width: 2 }), fill: new Fill({ color: "#e8590c18" }) });
const MOST_PICTURES = 40;

proj4.defs("EPSG:3413", "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m +type=crs");
proj4.defs("EPSG:3031", "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84 +units=m +type=crs");
register(proj4);
for (const code of ["EPSG:3413", "EPSG:3031"]) get(code)?.setExtent([-REACH, -REACH, REACH, REACH]);

type Place = (place: number[]) => number[];

const towards = (projection: Projection) => getTransform("EPSG:4326", projection) as Place;

export interface Listening {
  onBox: (box: Edges) => void;
  onOpen: (point: number) => void;
  onSeen: (points: Uint32Array) => void;
  pictures: (points: readonly number[]) => Promise<readonly (string | undefined)[]>;
}

export class WorldView {
  private readonly map: OlMap;
  private readonly projection: Projection;
  private readonly polar: boolean;
  private readonly boxes = new VectorSource();
  private readonly shown = new VectorSource<Feature<Point>>();
  private readonly points: PointsLayer;
  private readonly dragBox = new DragBox({ condition: () => true });
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(
    target: HTMLElement,
    private readonly code: Code,
    private readonly listening: Listening,
  ) {
    this.projection = get(`EPSG:${code}`) as Projection;
    this.polar = code !== "4326";
    this.points = new PointsLayer(this.polar ? 0 : 360);
    const dark = window.getComputedStyle(target).colorScheme.includes("dark");
    this.map = new OlMap({
      target,
      // The wheel scrolls the page until the map has the focus; dragging moves the map at once.
      interactions: interactions({ onFocusOnly: true, dragPan: false }).extend([new DragPan()]),
      layers: [
        landLayer(this.projection, code, dark),
        graticule(this.projection, code, dark),
        this.points,
        new VectorLayer({ source: this.boxes, style: BOX }),
        new VectorLayer({ source: this.shown }),
      ],
      view: new View({
        projection: this.projection,
        center: [0, 0],
        zoom: 0,
        minZoom: 0,
        showFullExtent: true,
        ...(this.polar && { maxResolution: (2 * REACH) / 96 }),
        ...(!this.polar && { extent: [-540, -90, 540, 90], smoothExtentConstraint: false }),
      }),
    });
    const whole = this.polar ? [-REACH, -REACH, REACH, REACH] : [-180, -90, 180, 90];
    this.map.getView().fit(whole, { size: this.map.getSize() ?? [300, 200] });
    this.dragBox.setActive(false);
    this.map.addInteraction(this.dragBox);
    this.dragBox.on("boxend", () => listening.onBox(this.boxOf(this.dragBox.getGeometry().getExtent() as number[])));
    this.map.on("singleclick", (event: MapBrowserEvent) => this.open(event.pixel as [number, number]));
    this.map.on("moveend", () => this.looked());
  }

  setPoints(lon: Float32Array, lat: Float32Array) {
    const [x, y] = project(lon, lat, this.projection, this.code);
    this.points.setPlaces(x, y);
    const places = this.points.extent();
    // The polar maps always show the pole; the plain one goes to where the chips are.
    if (places && !this.polar) this.map.getView().fit(places, { padding: [24, 24, 24, 24], maxZoom: 8 });
    this.looked();
  }

  setColors(colors: Uint32Array, front: ArrayLike<number> | null, passing: Uint8Array | null) {
    this.points.setColors(colors, front, passing);
    this.looked();
  }

  setBox(box: Edges | null) {
    this.boxes.clear();
    if (!box) return;
    const place = towards(this.projection);
    const line = outline(box).map((corner) => (this.polar ? place(corner) : corner));
    this.boxes.addFeature(new Feature(new Polygon([line])));
  }

  draw(active: boolean) {
    this.dragBox.setActive(active);
  }

  boxInView(): Edges {
    return this.boxOf(this.map.getView().calculateExtent(this.map.getSize()) as number[]);
  }

  end() {
    clearTimeout(this.timer);
    this.map.setTarget(undefined);
    this.map.dispose();
  }

  private boxOf(extent: number[]): Edges {
    const edges = extent as unknown as Edges;
    const back = getTransform(this.projection, "EPSG:4326") as Place;
    const round = (value: number) => Math.round(value * 1e4) / 1e4;
    const box = this.polar
      ? polarBox(edges, (x, y) => back([x, y]) as [number, number], this.code === "3413" ? 90 : -90)
      : plainBox(edges);
    return box.map(round) as unknown as Edges;
  }

  private open(pixel: [number, number]) {
    const point = this.points.at(pixel);
    if (point >= 0) this.listening.onOpen(point);
  }

  /** Tell what is in view once the map rests, and show the pictures themselves when they are few. */
  private looked() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const size = this.map.getSize();
      if (!size?.[0]) return;
      const seen = this.points.inside(this.map.getView().calculateExtent(size) as number[]);
      this.listening.onSeen(seen);
      this.showPictures(seen.length <= MOST_PICTURES ? [...seen] : []);
    }, 200);
  }

  private async showPictures(points: number[]) {
    const asked = ++this.asked;
    const pictures = points.length ? await this.listening.pictures(points) : [];
    if (asked !== this.asked) return;
    this.shown.clear();
    for (const [at, src] of pictures.entries()) {
      const point = points[at];
      if (src === undefined || point === undefined) continue;
      const feature = new Feature(new Point(this.points.place(point)));
      feature.setStyle(new Style({ image: new Icon({ src, width: 56, height: 56, declutterMode: "none" }) }));
      this.shown.addFeature(feature);
    }
  }
}

/** Places on the map, once for each projection; NaN where the map does not reach. */
function project(lon: Float32Array, lat: Float32Array, projection: Projection, code: Code) {
  if (code === "4326") return [lon, lat] as const;
  const place = towards(projection);
  const [x, y] = [new Float32Array(lon.length), new Float32Array(lon.length)];
  for (let at = 0; at < lon.length; at++) {
    const north = lat[at] as number;
    const reached = code === "3413" ? north > 20 : north < -20;
    const [px = Number.NaN, py = Number.NaN] = reached ? place([lon[at] as number, north]) : [];
    x[at] = px;
    y[at] = py;
  }
  return [x, y] as const;
}

/** The hemisphere of a polar map ends at the equator; what is beyond lies outside of every view. */
function landLayer(projection: Projection, code: Code, dark: boolean): VectorLayer {
  const place = towards(projection);
  const features = land().flatMap((ring) => {
    if (code === "4326") return new Feature(new Polygon([unbroken(ring)]));
    const reached = ring.some(([, lat]) => (code === "3413" ? lat > 0 : lat < 0));
    const clamp = code === "3413" ? Math.max : Math.min;
    return reached ? new Feature(new Polygon([ring.map(([lon, lat]) => place([lon, clamp(lat, 0)]))])) : [];
  });
  const fill = new Fill({ color: dark ? "#4b565b" : "#dbe4dc" });
  return new VectorLayer({ source: new VectorSource({ features }), style: new Style({ fill }) });
}

function graticule(projection: Projection, code: Code, dark: boolean): VectorLayer {
  const place = towards(projection);
  const [low, high] = code === "4326" ? [-90, 90] : code === "3413" ? [30, 90] : [-90, -30];
  const features: Feature[] = [];
  const add = (places: [number, number][], name: string, at: [number, number]) => {
    const line = new Feature(new LineString(places.map((corner) => (code === "4326" ? corner : place(corner)))));
    line.setStyle(new Style({ stroke: LINE }));
    const label = new Feature(new Point(code === "4326" ? at : place(at)));
    const fill = new Fill({ color: dark ? "#a9c1ca" : "#3d5a66" });
    label.setStyle(
      new Style({ text: new Text({ text: name, font: "11px system-ui, sans-serif", fill, offsetY: -7 }) }),
    );
    features.push(line, label);
  };
  for (let lon = -180; lon < 180; lon += 30) {
    const lats = Array.from({ length: 31 }, (_, at) => low + ((high - low) * at) / 30);
    const at = code === "3413" ? 40 : code === "3031" ? -40 : 0;
    add(
      lats.map((lat): [number, number] => [lon, lat]),
      degrees(lon, "E", "W"),
      [lon, at],
    );
  }
  for (let lat = low + (low === -90 && code === "4326" ? 0 : 10); lat <= high; lat += code === "4326" ? 30 : 10) {
    const lons = Array.from({ length: 181 }, (_, at) => -180 + at * 2);
    if (Math.abs(lat) < 90 || code === "4326")
      add(
        lons.map((lon): [number, number] => [lon, lat]),
        degrees(lat, "N", "S"),
        [code === "4326" ? -150 : 45, lat],
      );
  }
  return new VectorLayer({ source: new VectorSource({ features, wrapX: true }), declutter: true });
}

const degrees = (value: number, plus: string, minus: string) =>
  `${Math.abs(value)}°${value === 0 || Math.abs(value) === 180 ? "" : value > 0 ? plus : minus}`;
