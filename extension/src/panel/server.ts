/** Lets the app's own API client speak to the paired server: what it asks goes there, with the token. */
import { api, Fault, faultOf } from "../../../frontend/src/api/client";
import { ask, type Connection } from "../connection";

let paired: Connection | null = null;

/** From now on this server is asked. */
export function pairWith(connection: Connection | null): void {
  paired = connection;
}

api.use({
  async onRequest({ request }) {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "GET" ? null : await request.text();
    const { method, headers, signal } = request;
    return asked(pathname + search, { method, headers, body, signal });
  },
});

/** Asked for to see whether the pairing still holds. */
const PROBE = "api/v1/project";

let onRevoked = () => {};

/** Hear of it when the server turns out to know this browser no more. */
export function whenRevoked(hear: () => void): void {
  onRevoked = hear;
}

/** The server's answer; every failure is a `Fault` with what can be done about it. */
export async function asked(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await answerOf(path, init);
  if (answer.ok) return answer;
  // Without a pairing, the server trusts neither the token nor the extension, and what it says is about one of them.
  const doubtful = path !== PROBE && (answer.status === 401 || answer.status === 403);
  if (!doubtful || (await answerOf(PROBE, {})).status !== 401) throw await faultOf(answer);
  onRevoked();
  throw new Fault(401, "NotPaired", "The server no longer knows this browser.", "Open the settings and pair again.");
}

/** Whether there is a server, and whether it still knows this browser. */
export async function check(): Promise<{ version: string }> {
  const { version } = await (await asked("healthz")).json();
  await asked(PROBE);
  return { version };
}

async function answerOf(path: string, init: RequestInit): Promise<Response> {
  if (!paired) throw new Fault(401, "NotPaired", "The extension is not connected.", "Open its settings and connect.");
  try {
    return await ask(paired, path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Fault(0, "Offline", `The server at ${paired.server} does not answer.`, "Start it with “curator serve”.");
  }
}

/** The app at the same server, in a tab of its own. */
export const appAddress = (path: string): string => (paired?.server ?? "") + path;

const pictures = new Map<string, Promise<string>>();
const MOST_PICTURES = 500;

/** A picture of the server as an address that this page can show: an <img> cannot send a token. */
export function pictureAt(path: string): Promise<string> {
  const known = pictures.get(path);
  if (known) return known;
  const coming = asked(path)
    .then((answer) => answer.blob())
    .then((blob) => URL.createObjectURL(blob));
  coming.catch(() => pictures.delete(path));
  pictures.set(path, coming);
  const oldest = pictures.keys().next().value;
  if (pictures.size > MOST_PICTURES && oldest !== undefined) {
    pictures.get(oldest)?.then(URL.revokeObjectURL, () => undefined);
    pictures.delete(oldest);
  }
  return coming;
}
