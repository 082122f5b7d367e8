/** The OpenLayers side of `RegionMap`: land, lines of degrees, the region, and the grid of chips. */
import { Feature, Map as OlMap, View } from "ol";
import { defaults as controls } from "ol/control/defaults";
import { boundingExtent, type Extent } from "ol/extent";
import { type Geometry, LineString, Polygon } from "ol/geom";
import { fromExtent } from "ol/geom/Polygon";
import { DragBox, DragPan, Draw } from "ol/interaction";
import { defaults as interactions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import { get, getTransform, type TransformFunction } from "ol/proj";
import { register } from "ol/proj/proj4";
import VectorSource from "ol/source/Vector";
import { Fill, Stroke, Style } from "ol/style";
import proj4 from "proj4";
import { outline, plainBox } from "../widgets/geo";
import { land } from "../widgets/land";
import type { Crs } from "./order";
import type { Bbox, Geometry as GeoJson, Place } from "./place";
import { aroundThePole, polygonsOf, type Ring, unbroken } from "./rings";

const REACH = 4_194_304; // metres from the pole, as NASA GIBS has it
proj4.defs("EPSG:3413", "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m +type=crs");
proj4.defs("EPSG:3031", "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84 +units=m +type=crs");
register(proj4);
for (const code of ["EPSG:3413", "EPSG:3031"]) get(code)?.setExtent([-REACH, -REACH, REACH, REACH]);

const REGION = new Style({
  stroke: new Stroke({ color: "#d9480f", width: 2 }),
  fill: new Fill({ color: "#d9480f1f" }),
});
const GRID = new Style({ stroke: new Stroke({ color: "#1c7ed6", width: 1 }) });
const LINES = new Style({ stroke: new Stroke({ color: "#82909680", width: 0.7 }) });

export type Drawing = "box" | "polygon" | null;

export class RegionView {
  private readonly map: OlMap;
  private readonly polar: boolean;
  private readonly onto: TransformFunction;
  private readonly back: TransformFunction;
  private readonly region = new VectorSource();
  private readonly grid = new VectorSource();
  private readonly land = new VectorSource();
  private readonly dragBox = new DragBox({ condition: () => true });
  private readonly polygon = new Draw({ type: "Polygon", source: new VectorSource() });

  constructor(
    target: HTMLElement,
    private readonly crs: Crs,
    dark: boolean,
    private readonly onPlace: (place: Place) => void,
  ) {
    this.polar = crs !== "EPSG:4326";
    this.onto = getTransform("EPSG:4326", crs) as TransformFunction;
    this.back = getTransform(crs, "EPSG:4326") as TransformFunction;
    const ground = new Style({
      fill: new Fill({ color: dark ? "#3a4a42" : "#e3e0d3" }),
      stroke: new Stroke({ color: dark ? "#6b8074" : "#a9a58f", width: 0.8 }),
    });
    const lines = new VectorSource({ features: this.degreeLines() });
    this.map = new OlMap({
      target,
      // The wheel scrolls the page until the map has the focus; dragging moves the map at once.
      interactions: interactions({ onFocusOnly: true, dragPan: false }).extend([new DragPan()]),
      controls: controls({ attribution: false, rotate: false }),
      layers: [
        new VectorLayer({ source: this.land, style: ground }),
        new VectorLayer({ source: lines, style: LINES }),
        new VectorLayer({ source: this.grid, style: GRID }),
        new VectorLayer({ source: this.region, style: REGION }),
      ],
      view: new View({
        projection: crs,
        center: [0, 0],
        zoom: 1,
        showFullExtent: true,
        ...(!this.polar && { extent: [-540, -90, 540, 90], smoothExtentConstraint: false }),
      }),
    });
    this.fit(this.polar ? [-REACH, -REACH, REACH, REACH] : [-180, -90, 180, 90]);
    for (const interaction of [this.dragBox, this.polygon]) {
      interaction.setActive(false);
      this.map.addInteraction(interaction);
    }
    this.dragBox.on("boxend", () => this.tell(this.dragBox.getGeometry(), true));
    this.polygon.on("drawend", ({ feature }) => this.tell(feature.getGeometry() as Polygon, false));
    this.showLand();
  }

  draw(what: Drawing) {
    this.dragBox.setActive(what === "box");
    this.polygon.setActive(what === "polygon");
  }

  /** Show the region, and go there unless it was drawn here. */
  setRegion(place: Place | null, asUnderstood: GeoJson | null, go: boolean) {
    this.region.clear();
    const rings =
      place?.kind === "bbox"
        ? [outline(place.bbox)]
        : asUnderstood
          ? polygonsOf(asUnderstood).map(aroundThePole)
          : polygonsOf(regionOf(place));
    this.add(this.region, rings);
    // Not the extent of the source, which holds the copies beside the world too.
    if (go && rings.length) this.fit(boundingExtent(rings.flatMap((ring) => this.placed(ring))), [48, 48, 48, 48]);
  }

  setGrid(collection: GeoJson | null) {
    this.grid.clear();
    if (collection) this.add(this.grid, polygonsOf(collection));
  }

  end() {
    this.map.setTarget(undefined);
    this.map.dispose();
  }

  private add(source: VectorSource, rings: readonly Ring[]) {
    const shifts = this.polar ? [0] : [-360, 0, 360]; // also on the copies of the world beside it
    source.addFeatures(
      rings.flatMap((ring) => shifts.map((shift) => new Feature<Geometry>(new Polygon([this.placed(ring, shift)])))),
    );
  }

  private placed = (ring: Ring, shift = 0): number[][] =>
    ring.map(([lon, lat]) => (this.polar ? this.onto([lon, this.reached(lat)]) : [lon + shift, lat]));

  /** Far from the pole a polar map has no place: what is there is put just beyond its edge. */
  private reached = (lat: number) => (this.crs === "EPSG:3413" ? Math.max(lat, 12) : Math.min(lat, -12));

  private fit(extent: Extent, padding = [4, 4, 4, 4]) {
    this.map.getView().fit(extent, { size: this.map.getSize() ?? [600, 320], padding, maxZoom: 9 });
  }

  private tell(shape: Polygon, box: boolean) {
    if (box && !this.polar) {
      const edges = plainBox(shape.getExtent() as Bbox).map((edge) => Math.round(edge * 1e4) / 1e4) as Bbox;
      if (edges[3] > edges[1] && edges[0] !== edges[2]) this.onPlace({ kind: "bbox", bbox: edges });
      return;
    }
    const drawn = box && this.polar ? fromExtent(shape.getExtent()) : shape;
    const corners = drawn.getCoordinates()[0] ?? [];
    const ring = (this.polar ? between(corners, 8).map((corner) => this.back(corner)) : corners).map((corner) =>
      corner.slice(0, 2).map((value) => Math.round(value * 1e4) / 1e4),
    );
    if (ring.length > 3) this.onPlace({ kind: "region", region: { type: "Polygon", coordinates: [ring] } });
  }

  private showLand() {
    const rings = land() as Ring[];
    const near = (ring: Ring) =>
      !this.polar || ring.some(([, lat]) => (this.crs === "EPSG:3413" ? lat > 20 : lat < -20));
    this.add(this.land, this.polar ? rings.filter(near) : rings.map(unbroken));
  }

  private degreeLines(): Feature[] {
    const lines: Ring[] = [];
    const [low, high] = this.crs === "EPSG:3413" ? [20, 90] : this.crs === "EPSG:3031" ? [-90, -20] : [-90, 90];
    for (let lon = this.polar ? -180 : -540; lon <= (this.polar ? 150 : 540); lon += 30)
      lines.push([
        [lon, low],
        [lon, high],
      ]);
    for (let lat = -60; lat <= 80; lat += this.polar ? 10 : 30) {
      if (lat < low || lat > high) continue;
      const around = this.polar ? 180 : 540;
      lines.push(Array.from({ length: around / 1.5 + 1 }, (_, at): [number, number] => [-around + 3 * at, lat]));
    }
    return lines.map((line) => new Feature(new LineString(this.placed(line))));
  }
}

const regionOf = (place: Place | null): GeoJson | null => (place?.kind === "region" ? place.region : null);

/** The line with more corners: an edge that is straight on a polar map is not straight in degrees. */
function between(corners: readonly number[][], parts: number): number[][] {
  return corners.flatMap((corner, at) => {
    const next = corners[at + 1];
    if (!next) return [corner];
    return Array.from({ length: parts }, (_, part) =>
      corner.map((value, axis) => value + (((next[axis] ?? value) - value) * part) / parts),
    );
  });
}
