/** What the panel listens to: the connection, what is drawn, and which window it is in. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type Connection, loadConnection, onConnection } from "../connection";
import type { Progress } from "../messages";
import { capture } from "./capture";
import { pairWith } from "./server";
import { type ChangeSession, withCapture } from "./session";

/** Undefined until it is known, null when there is none. */
export function useConnection(): Connection | null | undefined {
  const [connection, setConnection] = useState<Connection | null>();
  useEffect(() => {
    const take = (next: Connection | null) => {
      pairWith(next);
      setConnection(next);
    };
    loadConnection().then(take);
    return onConnection(take);
  }, []);
  return connection;
}

export function useProgress(): Progress {
  const [progress, setProgress] = useState<Progress>({});
  useEffect(() => {
    const look = async () => setProgress(await chrome.storage.session.get<Progress>(["drawing", "drawn", "trouble"]));
    const hear = (changes: object, area: string) => {
      if (area === "session" && ["drawing", "drawn", "trouble"].some((key) => key in changes)) look();
    };
    chrome.storage.onChanged.addListener(hear);
    look();
    return () => chrome.storage.onChanged.removeListener(hear);
  }, []);
  return progress;
}

/** Make an example of what was drawn in this window; when it is one, the drawing is done with. */
export function useCapture({ drawn }: Progress, change: ChangeSession) {
  const [here, setHere] = useState<number>();
  useEffect(() => {
    chrome.windows.getCurrent().then(({ id }) => setHere(id));
  }, []);
  const mine = drawn !== undefined && drawn.window === here ? drawn : null;
  const answer = useQuery({
    queryKey: ["capture", mine?.id],
    queryFn: async () => (mine ? capture(mine, new Date()) : null),
    enabled: mine !== null,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    if (!mine || !answer.data) return;
    const sample = answer.data;
    change((session) => withCapture(session, mine.purpose, sample, mine.tab));
    chrome.storage.session.remove("drawn");
  }, [answer.data, mine, change]);
  return { ...answer, waiting: mine !== null && answer.isFetching, error: mine ? answer.error : null };
}
