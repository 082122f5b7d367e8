/**
 * A stand-in for NASA Worldview: a map of OpenLayers that keeps its state in the address as Worldview does, and a key
 * of its own. It is written without the extension's code, so that the two are two opinions about the same address.
 *
 * Its picture says where it is: red grows from the left to the right of the first view, green from its bottom to its
 * top, and blue is on for side B of a comparison.
 */
import ImageLayer from "ol/layer/Image.js";
import OlMap from "ol/Map.js";
import "ol/ol.css";
import { register } from "ol/proj/proj4.js";
import { get as projection, toLonLat } from "ol/proj.js";
import ImageCanvas from "ol/source/ImageCanvas.js";
import Static from "ol/source/ImageStatic.js";
import View from "ol/View.js";
import proj4 from "proj4";

proj4.defs("EPSG:3413", "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=m");
proj4.defs("EPSG:3031", "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84 +units=m");
register(proj4);

const POLAR = [-4194304, -4194304, 4194304, 4194304];
const MAPS = {
  geographic: { crs: "EPSG:4326", world: [-180, -90, 180, 90] },
  arctic: { crs: "EPSG:3413", world: POLAR },
  antarctic: { crs: "EPSG:3031", world: POLAR },
};

const asked = new URLSearchParams(location.search);
const { crs, world } = MAPS[asked.get("p") ?? "geographic"];
const first = asked.get("v")?.split(",").map(Number) ?? world;
const blue = asked.get("ca") === "false" ? "#00f" : "#000";

/** Worldview changes what is in the address without loading the page, and leaves commas and colons as they are. */
function write(name, value) {
  asked.set(name, value);
  const text = [...asked].map(
    ([key, one]) => `${key}=${encodeURIComponent(one).replace(/%(2C|3A|3D)/g, decodeURIComponent)}`,
  );
  history.replaceState(null, "", `?${text.join("&")}`);
}

/** A picture of the wished part of the map: what OpenLayers calls a canvas function. */
function paint([left, bottom, right, top], _resolution, _ratio, [width, height]) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const paper = canvas.getContext("2d");
  const across = (x) => ((x - left) / (right - left)) * width;
  const down = (y) => ((top - y) / (top - bottom)) * height;
  const ramp = (from, to, color) => {
    const gradient = paper.createLinearGradient(...from, ...to);
    gradient.addColorStop(0, "#000");
    gradient.addColorStop(1, color);
    paper.fillStyle = gradient;
    paper.fillRect(0, 0, width, height);
  };
  paper.fillStyle = blue;
  paper.fillRect(0, 0, width, height);
  paper.globalCompositeOperation = "lighter";
  ramp([across(first[0]), 0], [across(first[2]), 0], "#f00");
  ramp([0, down(first[1])], [0, down(first[3])], "#0f0");
  return canvas;
}

const imagery = new ImageLayer({ source: new ImageCanvas({ canvasFunction: paint, projection: crs, ratio: 1 }) });
const view = new View({ projection: projection(crs), center: [0, 0], zoom: 1, maxZoom: 20, multiWorld: true });
const map = new OlMap({ target: "map", layers: [imagery], view, controls: [] });
view.setRotation((Number(asked.get("r") ?? 0) * Math.PI) / 180);
view.fit(first, { size: map.getSize() });
map.on("moveend", () => write("v", view.calculateExtent(map.getSize()).join(",")));

addEventListener("keydown", ({ key }) => {
  if (key !== "ArrowLeft" && key !== "ArrowRight") return;
  const day = new Date(asked.get("t").slice(0, 10));
  day.setUTCDate(day.getUTCDate() + (key === "ArrowLeft" ? -1 : 1));
  write("t", `${day.toISOString().slice(0, 10)}-T00:00:00Z`);
});

/** What tests ask of the page. */
globalThis.standIn = {
  /** The place of a pixel, in OpenLayers' own words. */
  placeOf: (pixel) => map.getCoordinateFromPixel(pixel),
  toDegrees: (place) => toLonLat(place, crs),
  /** Something of another host is on the map, which did not allow it to be read. */
  taint: () =>
    new Promise((done) => {
      map.once("rendercomplete", () => done());
      const source = new Static({
        url: "https://elsewhere.earthdata.nasa.gov/dot.png",
        imageExtent: first,
        projection: crs,
      });
      map.addLayer(new ImageLayer({ source, opacity: 0.99 }));
    }),
  /** There is a map, but nothing of it is drawn on a canvas. */
  clear: () => {
    document.querySelector("#map").style.background = "rgb(200, 40, 40)";
    map.setLayers([]);
  },
};
map.once("moveend", () => document.body.setAttribute("data-ready", ""));
map.once("rendercomplete", () => map.render()); // what is in view counts from the second picture on
