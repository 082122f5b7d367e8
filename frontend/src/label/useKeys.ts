/** Keys of the screen, and the windows that explain them. */
import { useCallback, useEffect, useRef, useState } from "react";
import { type Action, actionOf } from "./hotkeys";
import type { Task } from "./types";

/** Act on keys while nothing lies over the screen. */
export function useKeys(task: Pick<Task, "classes" | "several">, on: boolean, act: (action: Action) => void) {
  const latest = useRef({ task, act });
  latest.current = { task, act };
  useEffect(() => {
    if (!on) return;
    const pressed = (event: KeyboardEvent) => {
      const action = actionOf(event, latest.current.task);
      if (!action) return;
      event.preventDefault();
      latest.current.act(action);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [on]);
}

const SEEN = "curator tour seen";
const OFF = "curator single keys off";

/** Which window is open. The tour comes by itself on the first visit. */
export function useHelp() {
  const [opened, setOpened] = useState<"tour" | "keys" | null>(() => (kept(SEEN) ? null : "tour"));
  const [keys, setOn] = useState(() => !kept(OFF));
  const close = useCallback(() => {
    keep(SEEN, true);
    setOpened(null);
  }, []);
  const setKeys = useCallback((on: boolean) => {
    keep(OFF, !on);
    setOn(on);
  }, []);
  return { opened, open: setOpened, close, keys, setKeys };
}

function kept(name: string): boolean {
  try {
    return localStorage.getItem(name) !== null;
  } catch {
    return true; // a browser that keeps nothing would show the tour on every visit
  }
}

function keep(name: string, on: boolean) {
  try {
    if (on) localStorage.setItem(name, "yes");
    else localStorage.removeItem(name);
  } catch {
    // then only for this visit
  }
}
