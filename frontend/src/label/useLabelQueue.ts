/** The label queue of a task, as long as the screen is there. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { BASE } from "../api/client";
import { BrowserOutbox } from "./outbox";
import { LabelQueue } from "./queue";
import { HttpTransport } from "./transport";
import { NOTHING, type Snapshot } from "./types";

const IDLE = 600_000;

export function useLabelQueue(task: string, person: string | undefined): LabelQueue | null {
  const [queue, setQueue] = useState<LabelQueue | null>(null);
  useEffect(() => {
    if (!person) return;
    let seen = Date.now();
    const active = () => document.visibilityState === "visible" && Date.now() - seen < IDLE;
    const outbox = new BrowserOutbox(BASE, `${person} ${task}`);
    const made = new LabelQueue({ transport: new HttpTransport(task), outbox, active });
    const here = () => {
      if (Date.now() - seen > IDLE) made.touch();
      seen = Date.now();
    };
    const back = () => {
      if (document.visibilityState === "visible") made.touch();
    };
    const leave = () => made.leave();
    made.start();
    setQueue(made);
    const ends = [
      listen(window, "pagehide", leave),
      listen(window, "pageshow", back),
      listen(window, "online", back),
      listen(document, "visibilitychange", back),
      listen(document, "keydown", here),
      listen(document, "pointerdown", here),
    ];
    return () => {
      for (const end of ends) end();
      made.stop();
      setQueue(null);
    };
  }, [task, person]);
  return queue;
}

const silent = () => () => undefined;

export const useSnapshot = (queue: LabelQueue | null): Snapshot =>
  useSyncExternalStore(queue?.subscribe ?? silent, queue?.snapshot ?? (() => NOTHING));

function listen(target: EventTarget, name: string, heard: () => void): () => void {
  target.addEventListener(name, heard);
  return () => target.removeEventListener(name, heard);
}
