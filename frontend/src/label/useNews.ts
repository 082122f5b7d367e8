/** What the server tells while somebody labels: new chips, new choices of the model, events that it refused. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { Fault } from "../api/client";
import { type Message, useLive } from "../api/live";
import { gather } from "../app/gather";
import { tell } from "../app/tell";
import type { LabelQueue } from "./queue";
import type { Snapshot, Task } from "./types";
import { reasons } from "./why";

const WAIT = 15_000;
const ROUNDS = 1_000; // of the model: a fast labeller makes several a second

/** Ask again when nothing was left, and say what was refused. */
export function useNews(task: Task, queue: LabelQueue, snapshot: Snapshot) {
  const empty = snapshot.state === "empty" && snapshot.cards.length === 0;
  useLive(
    useCallback(
      (message: Message) => {
        if (message.type === "task" && message.task === task.id && empty) queue.more();
      },
      [task.id, queue, empty],
    ),
  );
  useEffect(() => {
    if (!empty) return;
    const timer = setInterval(() => queue.more(), WAIT);
    return () => clearInterval(timer);
  }, [queue, empty]);

  const refused = snapshot.refused.at(-1);
  useEffect(() => {
    if (refused) tell(new Fault(409, refused.event.id, `An answer was not taken: ${refused.message}`, ""));
  }, [refused]);
}

/** Why the model chose this chip. With each new choice, cards that are not near the screen are exchanged for it. */
export function useWhy(task: Task, queue: LabelQueue, chip: string): string | null {
  const [known, setKnown] = useState<ReadonlyMap<string, string>>(new Map());
  const ask = useCallback(async () => {
    // Before the exchange: it says nothing of chips that are on somebody's screen.
    const found = await reasons(task.id, task.classes.length === 2 ? (task.classes[0] ?? "") : "one of the classes");
    setKnown((before) => new Map([...[...before].slice(-500), ...found]));
    queue.refresh();
  }, [task, queue]);
  const rounds = useMemo(() => gather(ask, ROUNDS), [ask]);
  useEffect(() => rounds.stop, [rounds]);
  useLive(
    useCallback(
      (message: Message) => {
        if (message.type === "model" && message.task === task.id) rounds.call();
      },
      [task.id, rounds],
    ),
  );
  return known.get(chip) ?? null;
}
