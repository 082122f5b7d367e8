/** The one client of the HTTP API, typed by the OpenAPI description. Every failure becomes a `Fault`. */
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Where the app lives, with a slash at the end: the server writes it into the page's <base>. */
export const BASE = new URL(".", document.baseURI).pathname;

/** What the server said went wrong, in a sentence for a person. */
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** What did not come from the server is a sentence of the app, or a defect of it. */
export const asFault = (error: unknown): Fault =>
  error instanceof Fault ? error : new Fault(0, "Defect", error instanceof Error ? error.message : String(error), "");

const faults: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await faultOf(response);
  },
  onError() {
    throw new Fault(
      0,
      "Offline",
      "The server does not answer.",
      "Try again when it does. Labels are kept here until then.",
    );
  },
};

export async function faultOf(response: Response): Promise<Fault> {
  const body = await response.json().catch(() => null);
  const { code = "ServerError", message = `The server answered ${response.status}.`, hint = "" } = body?.error ?? {};
  return new Fault(response.status, code, message, hint);
}

export const api = createClient<paths>({ baseUrl: BASE.replace(/\/$/, "") });
api.use(faults);

/** The data of an answer; failures have been thrown already. */
export async function get<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

export const pictureOf = (chip: string): string => `${BASE}api/v1/chips/${encodeURIComponent(chip)}/picture`;

export const thumbnailOf = (chip: string, size: 64 | 128 | 256 | 512 = 256): string =>
  `${BASE}api/v1/chips/${encodeURIComponent(chip)}/thumbnail?size=${size}`;
