/** Which server the extension is paired with, and how it is asked. Used by the service worker and by both pages. */

export interface Connection {
  /** The server's address, with a slash at the end. */
  server: string;
  token: string;
  version: string;
  project: { id: string; name: string };
  person: { name: string; role: string };
  /** The task that labels go to unless the panel says otherwise. */
  task: string | null;
}

const KEY = "connection";

export async function loadConnection(): Promise<Connection | null> {
  return (await chrome.storage.local.get<{ [KEY]?: Connection }>(KEY))[KEY] ?? null;
}

/** Keep it, or forget it. What the panel showed belonged to the former server. */
export async function saveConnection(connection: Connection | null): Promise<void> {
  await chrome.storage.session.clear();
  if (connection) await chrome.storage.local.set({ [KEY]: connection });
  else await chrome.storage.local.remove(KEY);
}

export async function setDefaultTask(task: string | null): Promise<void> {
  const connection = await loadConnection();
  if (connection) await chrome.storage.local.set({ [KEY]: { ...connection, task } });
}

/** Hear of every change. Returns what ends it. */
export function onConnection(hear: (connection: Connection | null) => void): () => void {
  const listen = (changes: { [key: string]: chrome.storage.StorageChange }, area: string) => {
    if (area === "local" && KEY in changes) hear((changes[KEY]?.newValue as Connection | undefined) ?? null);
  };
  chrome.storage.onChanged.addListener(listen);
  return () => chrome.storage.onChanged.removeListener(listen);
}

/** What a person typed as an address, made whole; null if it is none. */
export function serverAddress(typed: string): string | null {
  const text = typed.trim();
  if (!text || /^(?!https?:)[a-z]+:\/\//i.test(text)) return null;
  const local = /^(localhost|127\.|\[::1\]|10\.|192\.168\.)/i.test(text);
  try {
    const url = new URL(/^https?:\/\//i.test(text) ? text : `${local ? "http" : "https"}://${text}`);
    return `${url.origin}${url.pathname.replace(/\/*$/, "/")}`;
  } catch {
    return null;
  }
}

/** The pattern that stands for a server in the browser's permissions. Firefox knows none with a port. */
export function permissionFor(server: string): string {
  const { protocol, hostname } = new URL(server);
  return `${protocol}//${hostname}/*`;
}

/** Ask the server. `path` is below its address. Cookies stay out of it: the token says who asks. */
export function ask(connection: Pick<Connection, "server" | "token">, path: string, init: RequestInit = {}) {
  const headers = new Headers(init.headers);
  if (connection.token) headers.set("Authorization", `Bearer ${connection.token}`);
  return fetch(connection.server + path.replace(/^\//, ""), { ...init, headers, credentials: "omit" });
}
