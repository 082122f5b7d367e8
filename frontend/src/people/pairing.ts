/** Codes that pair a browser with the project, in words; and the bookmark that does without one. */

/** "7KQ4-WXHM": in two halves, as people read it out. */
export const inHalves = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;

/** "9:05", or null once it is over. */
export function timeLeft(until: string, now: number): string | null {
  const seconds = Math.ceil((Date.parse(until) - now) / 1000);
  return seconds > 0 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : null;
}

/** Which browser an extension's requests come from. */
export function browserOf(origin: string): string {
  if (origin.startsWith("moz-extension:")) return "Firefox";
  return origin.startsWith("chrome-extension:") ? "Chrome or Edge" : "Another program";
}

/** The address of a bookmark that opens the app with what Worldview shows. `app` ends with a slash. */
export function bookmarkTo(app: string): string {
  const code = `void open(${JSON.stringify(`${app}explore?worldview=`)}+encodeURIComponent(location.href),"_blank","noopener")`;
  return `javascript:${encodeURI(code)}`; // browsers decode it before they run it
}
