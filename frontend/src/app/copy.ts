import { useState } from "react";

/** What became of a text that was to be copied: nothing yet, it is on the clipboard, or the browser lets nobody. */
export type Copying = "" | "copied" | "by hand";

/** Copy a text. Browsers offer no clipboard over plain HTTP, and may refuse it elsewhere: then show the text. */
export function useCopy(text: string) {
  const [state, setState] = useState<Copying>("");
  const copy = async (): Promise<boolean> => {
    const done = await copied(text);
    setState(done ? "copied" : "by hand");
    return done;
  };
  /** Whoever goes on to something else has seen that it was copied. */
  const leave = () => setState((now) => (now === "copied" ? "" : now));
  return { state, copy, leave, close: () => setState("") };
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
