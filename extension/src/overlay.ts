/**
 * The rectangle over the map, in a shadow root so that the page's styles and ours do not meet.
 *
 * It knows pixels only: what they mean on the map is the caller's affair.
 */
import { between, type Corner, moved, resized } from "./areas";
import type { Area } from "./messages";
import css from "./overlay.css?inline";

export interface Overlay {
  /** Another first rectangle, unless a person has touched the one that is there. */
  suggest(area: Area): void;
  /** The map has changed its place or its meaning. */
  refresh(): void;
  close(): void;
}

export interface Wishes {
  map: Element;
  first: (map: Area) => Area;
  /** What is marked, in a few words; read out when it changes. */
  describe: (area: Area) => string;
  take: (area: Area) => void;
  leave: () => void;
}

const CORNERS: readonly Corner[] = ["nw", "ne", "sw", "se"];
const STEP = 10;
const BAR = 220; // pixels at the bottom that the words and Worldview's timeline take
const ARROWS: Record<string, readonly [right: number, down: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export const HOST = "curator-overlay";

export function openOverlay(wishes: Wishes): Overlay {
  const { host, root, frame, words } = build();
  const mapArea = (): Area => {
    const { left, top, width, height } = wishes.map.getBoundingClientRect();
    return { left, top, width, height };
  };
  let area = wishes.first(mapArea());
  let touched = false;

  const show = () => {
    const map = mapArea();
    area = moved(area, map, 0, 0);
    place(root, map);
    place(frame, { ...area, left: area.left - map.left, top: area.top - map.top });
    words.textContent = wishes.describe(area);
    root.toggleAttribute("data-low", area.top + area.height > map.top + map.height - BAR); // the words go above
  };
  const change = (next: Area) => {
    area = next;
    touched = true;
    show();
  };

  const drag = (event: PointerEvent) => {
    if (event.button !== 0 || (event.target as Element).closest("[data-bar]")) return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    const begun = area;
    const { clientX: x, clientY: y } = event;
    const corner = (event.target as HTMLElement).dataset.corner as Corner | undefined;
    const inside = event.target === frame;
    const follow = ({ clientX, clientY }: PointerEvent) => {
      const [right, down] = [clientX - x, clientY - y];
      if (corner) change(resized(begun, mapArea(), corner, right, down));
      else if (inside) change(moved(begun, mapArea(), right, down));
      else if (Math.hypot(right, down) > 3) change(between(x, y, clientX, clientY, mapArea()));
    };
    const stop = new AbortController();
    const { signal } = stop;
    root.setPointerCapture(event.pointerId);
    root.addEventListener("pointermove", follow, { signal });
    root.addEventListener("pointerup", () => stop.abort(), { signal });
    root.addEventListener("pointercancel", () => stop.abort(), { signal });
  };

  const press = (event: KeyboardEvent) => {
    const [target] = event.composedPath();
    const elsewhere = event.target !== host && event.target !== document.body;
    if (elsewhere || (target instanceof HTMLButtonElement && event.key !== "Escape")) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [right, down] = arrow.map((way) => way * (event.ctrlKey || event.metaKey ? 1 : STEP)) as [number, number];
      change(event.shiftKey ? resized(area, mapArea(), "se", right, down) : moved(area, mapArea(), right, down));
    } else if (event.key === "Enter") wishes.take(area);
    else if (event.key === "Escape") wishes.leave();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Worldview has keys of its own
  };

  const life = new AbortController();
  const { signal } = life;
  root.addEventListener("pointerdown", drag, { signal });
  root.addEventListener("wheel", (event) => forward(event, wishes.map), { signal, passive: false });
  root.querySelector("[data-take]")?.addEventListener("click", () => wishes.take(area), { signal });
  root.querySelector("[data-leave]")?.addEventListener("click", wishes.leave, { signal });
  window.addEventListener("keydown", press, { signal, capture: true });
  window.addEventListener("resize", show, { signal });
  document.body.append(host);
  show();
  frame.focus({ preventScroll: true });

  return {
    suggest(next) {
      if (touched) return;
      area = next;
      show();
    },
    refresh: show,
    close() {
      life.abort();
      host.remove();
    },
  };
}

function build() {
  const host = document.createElement("div");
  host.id = HOST;
  const shadow = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = css;
  const root = document.createElement("div");
  root.className = "map";
  root.setAttribute("role", "dialog");
  root.setAttribute("aria-label", "Curator: mark a scene");
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", "Marked scene");
  frame.setAttribute("aria-describedby", "keys");
  for (const corner of CORNERS) {
    const grip = document.createElement("div");
    grip.className = "grip";
    grip.dataset.corner = corner;
    frame.append(grip);
  }
  const { bar, words } = buildBar();
  root.append(frame, bar);
  shadow.append(style, root);
  return { host, root, frame, words };
}

function buildBar() {
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.dataset.bar = "";
  const words = document.createElement("p");
  words.setAttribute("role", "status");
  const keys = document.createElement("p");
  keys.id = "keys";
  keys.textContent = "Drag or use the arrow keys to move, with Shift to resize. Enter takes it, Esc leaves.";
  const take = button("Find similar", "take");
  const leave = button("Cancel", "leave");
  bar.append(words, keys, take, leave);
  return { bar, words };
}

function button(text: string, name: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.dataset[name] = "";
  return made;
}

function place(element: HTMLElement, { left, top, width, height }: Area): void {
  Object.assign(element.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

/** The map still zooms below the rectangle. */
function forward(event: WheelEvent, map: Element): void {
  event.preventDefault();
  map.dispatchEvent(new WheelEvent("wheel", event));
}
