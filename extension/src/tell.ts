/** What went wrong, as the app says it: a note in the corner. Links to Worldview have troubles of their own. */
import { Fault } from "../../frontend/src/api/client";
import { tell as tellFault } from "../../frontend/src/app/tell";
import { PermalinkError } from "./permalink";

export const tell = (error: unknown) =>
  tellFault(error instanceof PermalinkError ? new Fault(0, error.code, error.message, error.hint) : error);
