/** What a person prefers in this browser. Only looks: nothing here changes what the project holds. */
import { useSyncExternalStore } from "react";

export interface Prefs {
  density: "comfortable" | "compact";
  /** Single keys as shortcuts; who dictates, or types by accident, can turn them off (WCAG 2.1.4). */
  singleKeys: boolean;
}

const KEY = "curator-prefs";
const DEFAULTS: Prefs = { density: "comfortable", singleKeys: true };
const listeners = new Set<() => void>();
let current = read();

function read(): Prefs {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return DEFAULTS; // storage is off, or holds something else: the defaults do
  }
}

export function setPrefs(change: Partial<Prefs>) {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // it holds until the page is left
  }
  for (const listener of listeners) listener();
}

export const prefs = (): Prefs => current;

export const usePrefs = (): Prefs =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, prefs);
