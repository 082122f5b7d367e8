/** The layers of the project, and those that a link to Worldview shows. */
import { useQuery } from "@tanstack/react-query";
import { api, get } from "../../../frontend/src/api/client";
import { isDrawn, readPermalink } from "../permalink";

/** Those that the project has chips of, the most first. */
export const useLayers = () =>
  useQuery({
    queryKey: ["layers"],
    queryFn: async () => byCount((await get(api.GET("/api/v1/project"))).layers),
  });

export const byCount = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([layer]) => layer);

/** The imagery of a link, switched on or off; labels and lines are none. */
export const layersOf = (permalink: string, today: Date): string[] =>
  readPermalink(permalink, today)
    .layers.map(({ id }) => id)
    .filter((id) => !isDrawn(id));
