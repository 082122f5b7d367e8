/** The shortcuts that work everywhere. */
import { useEffect, useRef } from "react";
import { GO, takesKeys, typing } from "./keys";

interface Does {
  palette: () => void;
  help: () => void;
  activity: () => void;
  go: (path: string) => void;
}

const CHORD_MS = 1200;

export function useKeys(does: Does) {
  const latest = useRef(does);
  latest.current = does;
  useEffect(() => {
    let wentAt = Number.NEGATIVE_INFINITY; // when G was pressed
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        latest.current.palette();
        return;
      }
      if (!takesKeys() || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      const key = event.key.toLowerCase();
      const chord = event.timeStamp - wentAt < CHORD_MS;
      wentAt = Number.NEGATIVE_INFINITY;
      if (chord && key === "a") latest.current.activity();
      else if (chord && GO[key]) latest.current.go(GO[key]);
      else if (key === "g") wentAt = event.timeStamp;
      else if (event.key === "?" && !/\/label$/.test(location.pathname))
        latest.current.help(); // Label has its own
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
