/** The outline of the land: Natural Earth 1:110m, public domain, from the package `world-atlas`. */
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlas from "world-atlas/land-110m.json";

const topology = atlas as unknown as Topology<{ land: GeometryCollection }>;

/** Its rings, as longitude and latitude in degrees. */
export function land(): [lon: number, lat: number][][] {
  return feature(topology, topology.objects.land).features.flatMap(({ geometry }) => {
    if (geometry.type === "Polygon") return geometry.coordinates as [number, number][][];
    if (geometry.type === "MultiPolygon") return geometry.coordinates.flat() as [number, number][][];
    return [];
  });
}
