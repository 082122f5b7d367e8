/**
 * What is put into Worldview's page when somebody asks for it, and not before: the rectangle, and what is under it.
 *
 * Runs anew each time: a rectangle that is still there goes away first. Says what was taken to the service worker.
 */
import { centred } from "./areas";
import { readMap } from "./canvas";
import type { Area, Footprint, Message, Taken } from "./messages";
import { HOST, type Overlay, openOverlay } from "./overlay";
import { type Link, PermalinkError, readPermalink } from "./permalink";
import { type MapOnScreen, mapToPixel, type Rectangle, rectangleOnMap } from "./pixels";

const LOOK_MILLISECONDS = 250;

/** Said from one run to the next, which may not share variables. */
const AGAIN = "curator-again";

/** The map in view: Worldview has one for each projection, and hides the others. */
function findMap(): Element | null {
  const all = [...document.querySelectorAll(".ol-viewport")];
  const sizes = all.map((map) => map.getBoundingClientRect()).map(({ width, height }) => width * height);
  const largest = Math.max(...sizes);
  return largest > 0 ? (all[sizes.indexOf(largest)] ?? null) : null;
}

function mark(map: Element): void {
  let address = location.href;
  let overlay: Overlay | null = null;
  const timer = setInterval(() => {
    if (!map.isConnected) close();
    if (location.href === address) return;
    address = location.href;
    overlay?.refresh();
  }, LOOK_MILLISECONDS);
  const close = () => {
    clearInterval(timer);
    window.removeEventListener(AGAIN, close);
    chrome.runtime.onMessage.removeListener(hear);
    overlay?.close();
  };
  const leave = () => {
    close();
    tell({ kind: "left" });
  };
  const hear = (message: Message) => {
    if (message.kind === "left") leave();
  };
  window.addEventListener(AGAIN, close);
  chrome.runtime.onMessage.addListener(hear);

  overlay = openOverlay({
    map,
    first: ({ left, top, width, height }) => {
      const side = Math.min(width, height) * 0.3;
      return centred({ left, top, width, height }, side, side);
    },
    describe: (area) => describe(area, map),
    take: (area) => {
      const link = readLink();
      if (typeof link === "string") return overlay?.refresh();
      close();
      // The rectangle has to be off the screen before a picture is taken of it.
      requestAnimationFrame(() => requestAnimationFrame(() => tell(taken(area, map, link))));
    },
    leave,
  });
  ask({ kind: "footprint", permalink: address }).then((footprint) => {
    const link = readLink();
    if (footprint && typeof link !== "string") overlay?.suggest(areaOf(footprint, map, link));
  });
}

/** What the address says, or why it cannot be read. */
function readLink(): Link | string {
  try {
    return readPermalink(location.href, new Date());
  } catch (error) {
    return error instanceof PermalinkError ? `${error.message}: ${error.hint}.` : String(error);
  }
}

function onScreen(map: Element, link: Link): MapOnScreen {
  const { width, height } = map.getBoundingClientRect();
  return { view: link.view, size: [width, height], rotation: link.rotation };
}

function rectangleOf(area: Area, map: Element, link: Link): Rectangle {
  const { left, top } = map.getBoundingClientRect();
  const [x, y] = [area.left - left, area.top - top];
  return rectangleOnMap([x, y], [x + area.width, y + area.height], onScreen(map, link));
}

/** As many pixels as a chip of the project has here, in the middle. */
function areaOf({ width, height }: NonNullable<Footprint>, map: Element, link: Link): Area {
  const shown = onScreen(map, link);
  const [x0, y0] = mapToPixel([0, 0], shown);
  const [x1, y1] = mapToPixel([width, 0], shown);
  const pixels = Math.hypot(x1 - x0, y1 - y0) / width;
  return centred(map.getBoundingClientRect(), width * pixels, height * pixels);
}

function describe(area: Area, map: Element): string {
  const link = readLink();
  if (typeof link === "string") return link;
  const [left, bottom, right, top] = rectangleOf(area, map, link);
  const day = link.time.slice(0, 10);
  if (link.crs !== "EPSG:4326") return `${day} · ${kilometres(right - left)} × ${kilometres(top - bottom)} km`;
  const [lat, lon] = [(bottom + top) / 2, (left + right) / 2].map(degrees);
  return `${day} · ${degrees(right - left)} × ${degrees(top - bottom)}° at ${lat}, ${lon}`;
}

const degrees = (value: number) => value.toFixed(Math.abs(value) < 10 ? 2 : 1);
const kilometres = (metres: number) => (metres / 1000).toFixed(0);

function taken(area: Area, map: Element, link: Link): Taken {
  const rest = { permalink: location.href, rectangle: rectangleOf(area, map, link), area, ratio: devicePixelRatio };
  try {
    return { kind: "taken", ...rest, picture: readMap(map, area, devicePixelRatio), unreadable: "" };
  } catch (error) {
    return {
      kind: "taken",
      ...rest,
      picture: null,
      unreadable: error instanceof Error ? error.message : String(error),
    };
  }
}

const tell = (message: Message): void => void chrome.runtime.sendMessage(message);
const ask = (message: Message): Promise<Footprint> => chrome.runtime.sendMessage(message).catch(() => null); // it ended

function begin(): void {
  window.dispatchEvent(new Event(AGAIN));
  document.getElementById(HOST)?.remove(); // of a former version of the extension, which hears nothing more
  const map = findMap();
  if (map) mark(map);
  else tell({ kind: "left", why: "The map is not there yet. Wait until Worldview has loaded, and try again." });
}

begin();
