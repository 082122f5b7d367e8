/** What the script on the page says to the service worker, and what that leaves for the panel in `storage.session`. */
import type { Rectangle } from "./pixels";

/** A rectangle on the screen, in CSS pixels of the page. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Taken {
  kind: "taken";
  permalink: string;
  rectangle: Rectangle;
  /** Where that was on the screen, and how many device pixels a CSS pixel has: for a screenshot. */
  area: Area;
  ratio: number;
  /** The map's own picture of it, as a data: address; null where it cannot be read, and why. */
  picture: string | null;
  unreadable: string;
}

/** `left` goes both ways: nobody wants the rectangle any more, or there was no map to lay it on. */
export type Message = Taken | { kind: "left"; why?: string } | { kind: "footprint"; permalink: string };

/** The answer to `footprint`: how large a chip of the project is there, in units of the projection. */
export type Footprint = { width: number; height: number } | null;

/** What a rectangle is drawn for: a new search, one more example, or another one instead of the last. */
export type Purpose = "new" | "like" | "unlike" | "again";

/** A rectangle that somebody took and that waits for the panel. */
export interface Drawn extends Omit<Taken, "kind"> {
  id: string;
  purpose: Purpose;
  tab: number;
  window: number;
}

/** A rectangle that lies on the map of a tab. */
export interface Drawing {
  purpose: Purpose;
  tab: number;
}

/** What is under way, in `storage.session`. */
export interface Progress {
  drawing?: Drawing;
  drawn?: Drawn;
  /** Why nothing could be drawn. */
  trouble?: string;
}
