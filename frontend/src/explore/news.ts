/** Ask again when people have said something more in a task: soon, never twice at once, and never too late. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo } from "react";
import { type Message, useLive } from "../api/live";
import { gather } from "../app/gather";

const TOGETHER = 30; // milliseconds: a label and the round after it are often told together

/** Act soon after a call; calls meanwhile make it act once more, when the first time is over. */
export function inTurn(act: () => Promise<unknown>, milliseconds = TOGETHER): { call: () => void; stop: () => void } {
  let [busy, again, ended] = [false, false, false];
  const run = async () => {
    busy = true;
    await act().catch(() => {}); // whoever shows it says what is wrong
    busy = false;
    if (again && !ended) call();
    again = false;
  };
  const soon = gather(run, milliseconds);
  const call = () => {
    if (busy) again = true;
    else soon.call();
  };
  const stop = () => {
    ended = true;
    soon.stop();
  };
  return { call, stop };
}

/** Make what was asked under `[name, task]` fresh whenever the server tells that the task has changed: after so many
 * milliseconds, and after `before`. */
export function useFresh(name: string, task: string, milliseconds = TOGETHER, before?: () => void) {
  const queries = useQueryClient();
  const renewal = useMemo(() => {
    const renew = async () => {
      before?.();
      await queries.invalidateQueries({ queryKey: [name, task] });
    };
    return inTurn(renew, milliseconds);
  }, [queries, name, task, milliseconds, before]);
  useEffect(() => renewal.stop, [renewal]);
  useLive(
    useCallback(
      (message: Message) => {
        if ((message.type === "task" || message.type === "model") && message.task === task) renewal.call();
      },
      [task, renewal],
    ),
  );
}
