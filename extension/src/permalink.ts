/**
 * Links to NASA Worldview: what one says, and one that goes somewhere else. `tests/permalinks.json` keeps this in
 * agreement with `earthcurator/gibs/permalinks.py`, which the server reads links with.
 */
import type { Rectangle } from "./pixels";

export type Crs = "EPSG:4326" | "EPSG:3413" | "EPSG:3031";

export interface LinkedLayer {
  id: string;
  /** False when it is switched off. */
  visible: boolean;
}

export interface Link {
  /** Of the active side, topmost first. Empty when the link names none: Worldview shows its own choice then. */
  layers: LinkedLayer[];
  /** Of the active side: UTC, `2020-08-16T00:00:00Z`. */
  time: string;
  crs: Crs;
  /** The part of the map that is on the screen, in units of `crs`. Longitudes may lie beyond 180. */
  view: Rectangle;
  /** Whether two sides are compared. */
  compare: boolean;
  side: "a" | "b";
  /** Of the map, in degrees. */
  rotation: number;
}

/** Where a link is to go; what is left out stays as it is. */
export interface Place {
  /** In units of `crs`. */
  view?: Rectangle;
  /** West, south, east, north in degrees, on the geographic map; west > east crosses longitude 180. */
  box?: Rectangle;
  crs?: Crs;
  time?: string;
  /** Imagery to be seen, topmost first: other imagery is switched off, labels and lines stay. */
  layers?: readonly string[];
}

/** What is wrong with a link. `code` is the name of the server's error. */
export class PermalinkError extends Error {
  constructor(
    readonly code: "BadInput" | "BadBox" | "BadDates",
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = "PermalinkError";
  }
}

const PROJECTIONS: Record<string, Crs> = { geographic: "EPSG:4326", arctic: "EPSG:3413", antarctic: "EPSG:3031" };
const POLAR_WORLD: Rectangle = [-4194304, -4194304, 4194304, 4194304];
const WORLDS: Record<Crs, Rectangle> = {
  "EPSG:4326": [-180, -90, 180, 90],
  "EPSG:3413": POLAR_WORLD,
  "EPSG:3031": POLAR_WORLD,
};
const LAYER = /^!?[A-Za-z0-9_.-]+$/;
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i;
const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:-?[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?Z?)?$/;
const DRAWN = /^(Reference_|Coastlines)/;
/** Names of parameters in Worldview's first years. */
const OLD_NAMES = { products: "l", time: "t", map: "v", switch: "p" };
const LONGEST = 20_000;
const FURTHEST = 1e9;
const DAY = 86_400_000;
/** How long Worldview goes on showing yesterday, as imagery is late. */
const WAITS = DAY / 8;
const AGAIN = "copy the link again";

/** What a link says. Without a time Worldview shows the day of `now`, or until 03:00 UTC the day before. */
export function readPermalink(url: string, now: Date): Link {
  const asked = parameters(url);
  const name = asked.get("p") ?? "geographic";
  const crs = Object.hasOwn(PROJECTIONS, name) ? PROJECTIONS[name] : undefined;
  if (!crs) {
    const hint = `p is one of ${Object.keys(PROJECTIONS).join(", ")}`;
    throw new PermalinkError("BadInput", `Worldview has no projection ${name.slice(0, 40)}`, hint);
  }
  const midnight = Math.floor((now.getTime() - WAITS) / DAY) * DAY;
  const layers = readLayers(asked.get("l") ?? "");
  const a = { layers, time: asked.has("t") ? moment(asked.get("t") as string) : iso(midnight) };
  const b = asked.has("ca") ? sideB(asked, layers, midnight) : null; // Worldview, too, goes by `ca` alone
  const side = b && asked.get("ca") === "false" ? "b" : "a";
  const view = asked.has("v") ? extent(asked.get("v") as string) : WORLDS[crs];
  return {
    ...(side === "b" && b ? b : a),
    crs,
    view,
    compare: b !== null,
    side,
    rotation: number(asked.get("r") ?? "") ?? 0,
  };
}

/**
 * A link to another place, day or layer: the active side of `base` changes, and everything else in it stays. Only an
 * open animation is closed: it would go on showing its own days.
 */
export function writePermalink(base: string, place: Place): string {
  const url = new URL(base);
  const link = readPermalink(base, new Date(0));
  const [layers, time] = link.side === "b" ? ["l1", "t1"] : ["l", "t"];
  const asked = parameters(base);
  const crs = place.box ? "EPSG:4326" : (place.crs ?? link.crs);
  const view = place.box ? unwrapped(place.box) : place.view;
  for (const key of ["ab", "as", "ae"]) asked.delete(key);
  for (const key of ["l", "l1"]) if (asked.has(key)) asked.set(key, withoutMarks(asked.get(key) as string));
  if (place.layers) asked.set(layers, showing(place.layers, asked.get(layers) ?? asked.get("l") ?? ""));
  if (place.time) asked.set(time, moment(place.time).replace("T", "-T"));
  if (view) asked.set("v", view.map((edge) => Math.round(edge * 1e6) / 1e6).join(","));
  if (crs !== link.crs) {
    const name = Object.keys(PROJECTIONS).find((key) => PROJECTIONS[key] === crs) as string;
    asked.set("p", name);
    asked.delete("r"); // a turn of the other map
    if (!view) asked.delete("v");
  }
  url.search = [...asked].map(([name, value]) => `${name}=${encoded(value)}`).join("&");
  return url.href;
}

/**
 * A rectangle in degrees whose middle may lie beyond 180, as it is on the globe; and the day that is shown there.
 * Worldview goes on with the next day to the left of -180, and with the day before to the right of 180.
 */
export function acrossDateline(
  rectangle: Rectangle,
  time: string,
): { rectangle: Rectangle; time: string; days: number } {
  const [left, bottom, right, top] = rectangle;
  const middle = (left + right) / 2;
  const turns = middle >= -180 && middle <= 180 ? 0 : Math.floor((middle + 180) / 360);
  const shown = Date.parse(time) - turns * DAY;
  const year = new Date(shown).getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) {
    const message = `at longitude ${middle} Worldview shows a day ${Math.abs(turns)} from ${time.slice(0, 10)}, which no calendar has`;
    throw new PermalinkError("BadDates", message, "choose another date, or a place between longitudes -180 and 180");
  }
  return {
    rectangle: [left - 360 * turns, bottom, right - 360 * turns, top],
    time: iso(shown),
    days: turns ? -turns : 0,
  };
}

function parameters(url: string): Map<string, string> {
  let text = url.replace(/^[ \t\r\n<>"']+|[ \t\r\n<>"']+$/g, "");
  if (!text.includes("://")) text = decoded(text);
  const parts = address(text.replaceAll("&amp;", "&"));
  const asked = new Map<string, string>();
  for (const [name, value] of parts?.searchParams ?? []) if (value) asked.set(name, decoded(value));
  const known = parts?.host.includes("worldview") || asked.has("l") || asked.has("v");
  if (!parts || !["http:", "https:"].includes(parts.protocol) || !known || text.length > LONGEST) {
    const hint = "copy the address from the browser while Worldview shows what you want";
    throw new PermalinkError("BadInput", `${text.slice(0, 100)} is not a link to Worldview`, hint);
  }
  return asked.has("products") && !asked.has("l") ? renewed(asked) : asked;
}

/** A link of Worldview's first years: `products=baselayers,A,!B~overlays,C` are layers A, B, switched off, and C. */
function renewed(asked: Map<string, string>): Map<string, string> {
  const products = (asked.get("products") ?? "").split(/[~,.]/);
  const layers = products.filter((name) => name && name !== "baselayers" && name !== "overlays");
  for (const [old, name] of Object.entries(OLD_NAMES)) {
    const value = asked.get(old);
    if (value && !asked.has(name)) asked.set(name, value);
    asked.delete(old);
  }
  return asked.set("l", layers.join(","));
}

function sideB(asked: Map<string, string>, layers: LinkedLayer[], midnight: number): Pick<Link, "layers" | "time"> {
  const [l, t] = [asked.get("l1"), asked.get("t1")];
  return { layers: l ? readLayers(l) : layers, time: t ? moment(t) : iso(midnight - 7 * DAY) };
}

function readLayers(text: string): LinkedLayer[] {
  const found = new Map<string, LinkedLayer>();
  for (const { name, options } of entries(text)) {
    if (!LAYER.test(name)) {
      throw new PermalinkError("BadInput", `${name.slice(0, 60)} in the link is not the name of a layer`, AGAIN);
    }
    const id = name.replace(/^!/, "");
    const visible = !name.startsWith("!") && !split(options.replace(/[) ]+$/, "")).includes("hidden");
    if (!found.has(id)) found.set(id, { id, visible });
  }
  return [...found.values()];
}

/** Layers that Worldview's first years wrote as `!A` the way it reads today: `A(hidden)`. */
function withoutMarks(text: string): string {
  const renew = (_: string, name: string, bracket?: string) => `${name.trim()}(hidden${bracket ? "," : ")"}`;
  return split(text)
    .map((entry) => entry.replace(/^\s*!([^(]+)(\()?/, renew))
    .join(",");
}

/** The layers of a link with their attributes: the wanted ones visible, other imagery hidden, labels as they were. */
function showing(wanted: readonly string[], text: string): string {
  const known = entries(text).map(({ name, options }) => ({ name, attributes: split(options.replace(/\) *$/, "")) }));
  const write = (name: string, attributes: string[]) => (attributes.length ? `${name}(${attributes.join(",")})` : name);
  const shown = wanted.map((name) => {
    const before = known.find((entry) => entry.name === name)?.attributes ?? [];
    return write(
      name,
      before.filter((attribute) => attribute && attribute !== "hidden"),
    );
  });
  const others = known
    .filter(({ name }) => !wanted.includes(name) && !isDrawn(name))
    .map(({ name, attributes }) => write(name, [...new Set([...attributes.filter(Boolean), "hidden"])]));
  const drawn = known
    .filter(({ name }) => !wanted.includes(name) && isDrawn(name))
    .map(({ name, attributes }) => write(name, attributes.filter(Boolean)));
  return [...drawn, ...shown, ...others].join(",");
}

function entries(text: string): { name: string; options: string }[] {
  return split(text)
    .map((entry) => {
      const bracket = entry.indexOf("(");
      if (bracket < 0) return { name: entry.trim(), options: "" };
      return { name: entry.slice(0, bracket).trim(), options: entry.slice(bracket + 1) };
    })
    .filter(({ name }) => name);
}

/** Cut at commas outside brackets: `A(opacity=0.5,hidden),B` are two. */
function split(text: string): string[] {
  const pieces = [""];
  let depth = 0;
  for (const letter of text) {
    if ("([{".includes(letter)) depth += 1;
    else if (")]}".includes(letter) && depth > 0) depth -= 1;
    if (letter === "," && depth === 0) pieces.push("");
    else pieces[pieces.length - 1] += letter;
  }
  return pieces;
}

/** `2020-08-16`, `2020-08-16T12:30:00Z` and Worldview's own `2020-08-16-T12:30:00Z`, as ISO 8601. */
function moment(text: string): string {
  const found = MOMENT.exec(text.trim());
  if (found) {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
      .slice(1)
      .map((part) => Number(part ?? 0));
    const time = new Date(Date.UTC(2000, month - 1, 1, hour, minute, second));
    time.setUTCFullYear(year, month - 1, day);
    const same =
      time.getUTCMonth() === month - 1 && time.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
    if (year > 0 && same) return iso(time.getTime());
  }
  throw new PermalinkError(
    "BadDates",
    `${text.slice(0, 40)} in the link is not a time`,
    "Worldview writes t=2020-08-16-T00:00:00Z",
  );
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");

/** Whether a layer is only labels and lines over the imagery. */
export const isDrawn = (layer: string): boolean => DRAWN.test(layer);

/** A finite number, or null: `Number` also reads blanks and what programs write. */
function number(text: string): number | null {
  const value = NUMBER.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

function extent(text: string): Rectangle {
  const [left, bottom, right, top, ...rest] = text.split(",").map(number);
  const whole = left != null && bottom != null && right != null && top != null && !rest.length;
  if (whole && Math.max(...[left, bottom, right, top].map(Math.abs)) > FURTHEST) {
    throw new PermalinkError("BadBox", `the view ${text.slice(0, 80)} in the link is far off the map`, AGAIN);
  }
  if (!whole || left >= right || bottom >= top) {
    throw new PermalinkError(
      "BadBox",
      `the view ${text.slice(0, 80)} in the link is not left, bottom, right, top`,
      AGAIN,
    );
  }
  return [left, bottom, right, top];
}

/** West, south, east, north as a view, which runs on beyond 180. */
function unwrapped([west, south, east, north]: Rectangle): Rectangle {
  return [west, south, west > east ? east + 360 : east, north];
}

function address(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign
  }
}

/** As Worldview writes it: commas, brackets and colons can be read. */
const encoded = (value: string): string =>
  encodeURIComponent(value).replace(/%(2C|3A|3B|3D)/g, (code) => decodeURIComponent(code));
