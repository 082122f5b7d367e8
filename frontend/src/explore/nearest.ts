/** Which chips stand for a box that was drawn on the map. */
import type { MapData } from "./mapData";
import { numbersOf } from "./mapData";
import type { Box } from "./query";

/** Of so many chips the mean place hardly changes, and a search by them is as fast as by one. */
export const MOST_FROM_BOX = 20;

const RADIANS = Math.PI / 180;

/** The middle of a box; of one that goes around a pole, the pole. */
export function middleOf([west, south, east, north]: Box): [lon: number, lat: number] {
  const wide = west > east ? east + 360 - west : east - west;
  if (wide >= 360 && north === 90 && south > -90) return [0, 90];
  if (wide >= 360 && south === -90 && north < 90) return [0, -90];
  return [west + wide / 2, (south + north) / 2];
}

/** The numbers of the chips that pass, those nearest to the middle of the box first, and how many there were. */
export function nearest(map: Pick<MapData, "lon" | "lat">, pass: Uint8Array, box: Box, most = MOST_FROM_BOX) {
  const [lon, lat] = middleOf(box);
  const far = (chip: number) => {
    const [north, east] = [(map.lat[chip] as number) * RADIANS, ((map.lon[chip] as number) - lon) * RADIANS];
    const middle = lat * RADIANS;
    return -(Math.sin(north) * Math.sin(middle) + Math.cos(north) * Math.cos(middle) * Math.cos(east)); // of the angle
  };
  const inside = [...numbersOf(pass)].map((chip) => [far(chip), chip] as const);
  inside.sort(([one, first], [other, second]) => one - other || first - second);
  return { chips: Uint32Array.from(inside.slice(0, most), ([, chip]) => chip), total: inside.length };
}
