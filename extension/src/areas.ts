/** Rectangles on the screen: made, moved and resized within the map. All in CSS pixels. */
import type { Area } from "./messages";

export const SMALLEST = 24;

export type Corner = "nw" | "ne" | "sw" | "se";

const within = (value: number, least: number, most: number) => Math.min(Math.max(value, least), Math.max(least, most));

/** In the middle of the map, no larger than it and large enough to be held. */
export function centred(map: Area, width: number, height: number): Area {
  const wide = within(width, SMALLEST, map.width * 0.9);
  const high = within(height, SMALLEST, map.height * 0.9);
  return { left: map.left + (map.width - wide) / 2, top: map.top + (map.height - high) / 2, width: wide, height: high };
}

/** Moved, as far as the map goes. */
export function moved(area: Area, map: Area, right: number, down: number): Area {
  return {
    ...area,
    left: within(area.left + right, map.left, map.left + map.width - area.width),
    top: within(area.top + down, map.top, map.top + map.height - area.height),
  };
}

/** With one corner moved; the opposite one stays. A corner that is drawn past the opposite one becomes another. */
export function resized(area: Area, map: Area, corner: Corner, right: number, down: number): Area {
  const far = { x: area.left + area.width, y: area.top + area.height };
  const [x, stayX] = corner.endsWith("w") ? [area.left, far.x] : [far.x, area.left];
  const [y, stayY] = corner.startsWith("n") ? [area.top, far.y] : [far.y, area.top];
  return between(stayX, stayY, x + right, y + down, map);
}

/** Between two points of the map, wherever they were. */
export function between(x: number, y: number, toX: number, toY: number, map: Area): Area {
  const [x0, x1] = [x, toX].map((at) => within(at, map.left, map.left + map.width)).sort((a, b) => a - b) as [
    number,
    number,
  ];
  const [y0, y1] = [y, toY].map((at) => within(at, map.top, map.top + map.height)).sort((a, b) => a - b) as [
    number,
    number,
  ];
  return grown({ left: x0, top: y0, width: x1 - x0, height: y1 - y0 }, map);
}

function grown(area: Area, map: Area): Area {
  const width = Math.max(area.width, SMALLEST);
  const height = Math.max(area.height, SMALLEST);
  return moved({ ...area, width, height }, map, 0, 0);
}
