/** Where the rows of a very long grid are. Browsers cap an element's height (Chromium at 33.5 million pixels), so that
 * beyond `TALLEST` the scroll bar stands for the whole list, while the wheel still moves pixel by pixel. */

export const TALLEST = 8_000_000;

export interface Shape {
  total: number;
  columns: number;
  rows: number;
  cell: number;
}

/** How many cells of about this size fit beside each other. They share the width, so that none is cut. */
export function shapeOf(total: number, width: number, size: number, gap: number): Shape {
  const columns = Math.max(1, Math.floor((width + gap) / (size + gap)));
  const cell = Math.max(1, Math.floor((width + gap) / columns) - gap);
  return { total, columns, rows: Math.ceil(total / columns), cell };
}

/** Translates between the browser's scroll position and the place in the list. */
export class Scroller {
  place = 0; // in pixels of the whole list
  private position = 0; // of the scroll bar

  constructor(
    readonly full: number,
    readonly view: number,
  ) {}

  /** How tall the scrolled element is. */
  get tall() {
    return Math.min(this.full, TALLEST);
  }

  private get lastPlace() {
    return Math.max(0, this.full - this.view);
  }

  private get lastPosition() {
    return Math.max(0, this.tall - this.view);
  }

  /** Where the scroll bar belongs for the present place. */
  get rest() {
    return this.lastPlace === 0 ? 0 : (this.place / this.lastPlace) * this.lastPosition;
  }

  /** The browser scrolled. Short moves are taken as they are, long ones are jumps through the whole list. */
  scrolled(position: number): void {
    const moved = position - this.position;
    this.position = position;
    if (this.full <= TALLEST) this.place = position;
    else if (Math.abs(moved) <= 2 * this.view) this.place += moved;
    else this.place = this.lastPosition === 0 ? 0 : (position / this.lastPosition) * this.lastPlace;
    this.place = Math.min(Math.max(this.place, 0), this.lastPlace);
  }

  /** Whether the scroll bar has run away so far from where it belongs that it may be put back. */
  get astray() {
    const end = this.position <= 0 || this.position >= this.lastPosition - 1;
    return Math.abs(this.rest - this.position) > (end ? 1 : this.view);
  }

  /** Go to a place. Returns where to put the scroll bar. */
  go(place: number): number {
    this.place = Math.min(Math.max(place, 0), this.lastPlace);
    this.position = this.rest;
    return this.position;
  }

  /** Where on the scrolled element a place of the list is drawn now. */
  offset(place: number): number {
    return this.position + (place - this.place);
  }
}

/** The rows to draw: those in view, and some around them. */
export function rowsInView(place: number, view: number, pitch: number, rows: number, around = 2): [number, number] {
  const first = Math.max(0, Math.floor(place / pitch) - around);
  const last = Math.min(rows, Math.ceil((place + view) / pitch) + around);
  return [first, Math.max(first, last)];
}

/** The item that a key moves to; null when the key means no move. */
export function moved(key: string, from: number, { total, columns }: Shape, page: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * page,
    PageDown: columns * page,
    Home: -from,
    End: total - 1 - from,
  };
  const step = steps[key];
  if (step === undefined || total === 0) return null;
  const to = from + step;
  if (to >= 0 && to < total) return to;
  if (key.startsWith("Page")) return to < 0 ? from % columns : total - 1;
  return from;
}
