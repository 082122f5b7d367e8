/** Keys of the screen, and the windows that explain them. */
import { useCallback, useEffect, useRef, useState } from "react";
import { takesKeys } from "../app/keys";
import { type Action, actionOf } from "./hotkeys";
import type { Task } from "./types";

/** Act on keys while nothing lies over the screen, for those who want single keys. */
export function useKeys(task: Pick<Task, "classes" | "several">, act: (action: Action) => void) {
  const latest = useRef({ task, act });
  latest.current = { task, act };
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!takesKeys()) return;
      const action = actionOf(event, latest.current.task);
      if (!action) return;
      event.preventDefault();
      latest.current.act(action);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

const SEEN = "curator tour seen";

/** Which window is open. The tour comes by itself on the first visit. */
export function useHelp() {
  const [opened, setOpened] = useState<"tour" | "keys" | null>(() => (kept(SEEN) ? null : "tour"));
  const close = useCallback(() => {
    keep(SEEN);
    setOpened(null);
  }, []);
  return { opened, open: setOpened, close };
}

function kept(name: string): boolean {
  try {
    return localStorage.getItem(name) !== null;
  } catch {
    return true; // a browser that keeps nothing would show the tour on every visit
  }
}

function keep(name: string) {
  try {
    localStorage.setItem(name, "yes");
  } catch {
    // then only for this visit
  }
}
