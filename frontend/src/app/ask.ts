/** Ask the API where the typed client cannot: raw bodies, progress of uploads, and answers that are not JSON. */
import { BASE, Fault, faultOf } from "../api/client";

export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const response = await fetch(BASE + path, options).catch(() => {
    throw new Fault(0, "Offline", "The server does not answer.", "Try again when it does.");
  });
  if (!response.ok) throw await faultOf(response);
  return response;
}

export const askJson = async <T>(path: string, options: RequestInit = {}): Promise<T> =>
  (await ask(path, options)).json();

export const askText = async (path: string): Promise<string> => (await ask(path)).text();

export const send = <T>(method: "POST" | "PUT", path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  askJson<T>(path, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
