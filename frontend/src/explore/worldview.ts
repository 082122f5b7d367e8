/** Examples from links to NASA Worldview: the server fetches what the middle of the map shows, as it fetches chips. */

import { useSessionStorage } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, get } from "../api/client";
import { dayOf, sentence } from "../app/words";
import { centerOf, placeName } from "./items";
import { type Change, type Query, type Sign, withExample } from "./query";

export const WORLDVIEW = "https://worldview.earthdata.nasa.gov/";

/** What a picture is of. */
export interface Scene {
  layer: string;
  time: string;
  center: readonly [lon: number, lat: number];
}

/** A link to Worldview in what was pasted or dropped; null for all other text. The server reads it closely. */
export function linkIn(text: string): string | null {
  const said = text.trim().split(/[\r\n]/)[0] ?? "";
  const host = /^https?:\/\/([^/?#]+)/i.exec(said)?.[1] ?? "";
  return /worldview/i.test(host) ? said : null;
}

export function sceneOf({ layer, time, box }: { layer: string; time: string; box: readonly number[] }): Scene {
  const [west = 0, south = 0, east = 0, north = 0] = box;
  return { layer, time, center: centerOf({ west, south, east, north }) };
}

export const whenAndWhere = ({ time, center }: Scene): string => `${dayOf(time)} · ${placeName(center)}`;

export interface Capturing {
  /** Where the example is to be, while it is on its way. */
  waiting: Sign | null;
  error: Error | null;
  take: (link: string, sign: Sign) => void;
  again: () => void;
  leave: () => void;
  /** What this browser tab knows of examples, by their id. */
  scenes: Readonly<Record<string, Scene>>;
}

/** Makes examples of links; of the one in the address (`worldview`), too, as the bookmark and other programs send it. */
export function useCapturing(query: Query, change: Change): Capturing {
  const [scenes, setScenes] = useSessionStorage<Record<string, Scene>>({ key: "curator scenes", defaultValue: {} });
  const { mutate, reset, variables, isPending, error } = useMutation({
    mutationFn: ({ link }: { link: string; sign: Sign }) =>
      get(api.POST("/api/v1/examples/worldview", { body: { permalink: link } })),
    onSuccess: (made, { link, sign }) => {
      setScenes((known) => ({ ...known, [made.id]: sceneOf(made) }));
      // An address with the link would be fetched again by whoever goes back to it.
      change((now) => ({ ...withExample(now, sign, { example: made.id }), worldview: "" }), {
        replace: link === query.worldview,
      });
      if (made.notes.length)
        notifications.show({ title: "From Worldview", message: made.notes.map(sentence).join(" ") });
    },
    meta: { shown: true },
  });
  useEffect(() => {
    if (query.worldview) mutate({ link: query.worldview, sign: "like" });
  }, [query.worldview, mutate]);
  return {
    waiting: isPending ? variables.sign : null,
    error,
    take: (link, sign) => mutate({ link, sign }),
    again: () => variables && mutate(variables),
    leave: () => {
      reset();
      change({ worldview: "" }, { replace: true });
    },
    scenes,
  };
}
