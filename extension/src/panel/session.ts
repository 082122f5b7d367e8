/** What the panel is about: the app's query, and what is known of its examples. Kept while the browser runs. */
import { useCallback, useEffect, useState } from "react";
import {
  type Example,
  type Query,
  read,
  type Sign,
  withExample,
  withoutExample,
} from "../../../frontend/src/explore/query";
import type { Purpose } from "../messages";
import type { Rectangle } from "../pixels";

export type Way = "source" | "map" | "screenshot" | "result";

/** A part of what a link to Worldview shows. */
export interface Scene {
  permalink: string;
  rectangle: Rectangle;
}

/** An example, with what a person should know of it. */
export interface Sample {
  example: Example;
  layer: string | null;
  time: string | null;
  /** Longitude and latitude of its middle. */
  center: readonly [number, number] | null;
  way: Way;
  /** Where it was marked, so that another layer can be taken there; null for a result. */
  scene: Scene | null;
  /** Why it was not fetched from the source, or what the server noted. */
  notes: readonly string[];
}

export interface Session {
  query: Query;
  samples: readonly Sample[];
  tab: number | null;
  task: string | null;
  /** The class that a tick stands for; null is the task's first. */
  class: string | null;
}

export const MOST_HITS = 60;

export const EMPTY: Session = {
  query: { ...read(new URLSearchParams()), most: MOST_HITS, size: 104 },
  samples: [],
  tab: null,
  task: null,
  class: null,
};

export const nameOfExample = (example: Example): string => ("chip" in example ? example.chip : example.example);

export const signOf = ({ like }: Query, example: Example): Sign =>
  like.some((one) => nameOfExample(one) === nameOfExample(example)) ? "like" : "unlike";

/** With one more example, or the other way round if it is one already. */
export function withSample(session: Session, sign: Sign, sample: Sample): Session {
  const name = nameOfExample(sample.example);
  return {
    ...session,
    query: withExample(session.query, sign, sample.example),
    samples: [...session.samples.filter(({ example }) => nameOfExample(example) !== name), sample],
  };
}

/** With another example in the place of one, on the same side. */
export function withInstead(session: Session, example: Example, sample: Sample): Session {
  const sign = signOf(session.query, example);
  return withSample(withoutSample(session, example), sign, sample);
}

export function withoutSample(session: Session, example: Example): Session {
  const name = nameOfExample(example);
  return {
    ...session,
    query: withoutExample(session.query, example),
    samples: session.samples.filter((sample) => nameOfExample(sample.example) !== name),
  };
}

/** What a new capture changes: a new search keeps the filters, and `again` puts it in the place of the last capture. */
export function withCapture(session: Session, purpose: Purpose, sample: Sample, tab: number): Session {
  const here = { ...session, tab };
  if (purpose === "like" || purpose === "unlike") return withSample(here, purpose, sample);
  const last = lastCapture(session);
  if (purpose === "again" && last) return withInstead(here, last.example, sample);
  return withSample({ ...here, samples: [], query: { ...session.query, like: [], unlike: [] } }, "like", sample);
}

export const lastCapture = ({ samples }: Session): Sample | undefined =>
  samples.findLast(({ way }) => way !== "result");

const KEY = "panel";

export type ChangeSession = (change: (session: Session) => Session) => void;

/** The session as `storage.session` has it: the same in every window, and there again after a reload. Null: not yet. */
export function useSession(): [Session | null, ChangeSession] {
  const [session, setSession] = useState<Session | null>(null);
  useEffect(() => {
    const hear = (changes: { [key: string]: chrome.storage.StorageChange }, area: string) => {
      if (area === "session" && KEY in changes) setSession((changes[KEY]?.newValue as Session | undefined) ?? EMPTY);
    };
    chrome.storage.onChanged.addListener(hear);
    load().then(setSession);
    return () => chrome.storage.onChanged.removeListener(hear);
  }, []);
  const change = useCallback<ChangeSession>((next) => {
    changes = changes
      .catch(() => undefined)
      .then(async () => {
        const session = next(await load());
        setSession(session);
        await chrome.storage.session.set({ [KEY]: session });
      });
  }, []);
  return [session, change];
}

/** One change after the other, each on top of what the last one left. */
let changes: Promise<void> = Promise.resolve();

async function load(): Promise<Session> {
  return { ...EMPTY, ...(await chrome.storage.session.get<{ [KEY]?: Session }>(KEY))[KEY] };
}
