/** Connecting to a server: is there one, does it fit, and does it take the code. Each trouble in words of its own. */
import { Fault, faultOf } from "../../../frontend/src/api/client";
import { fits, OLDEST } from "../compatible";
import { ask, type Connection, permissionFor } from "../connection";

const nobody = (server: string) => ({ server, token: "" });

/** The letters of a code without what people put between them. */
export const codeOf = (typed: string): string => typed.toUpperCase().replace(/[^A-Z0-9]/g, "");

/** Ask a person whether the browser may reach it. */
export async function allow(server: string): Promise<void> {
  if (await chrome.permissions.request({ origins: [permissionFor(server)] })) return;
  throw new Fault(0, "NotAllowed", `The browser may not reach ${new URL(server).host}`, "Connect again and allow it.");
}

/** The version of the server at this address. */
export async function versionAt(server: string): Promise<string> {
  let answer: Response;
  try {
    answer = await ask(nobody(server), "healthz", { signal: AbortSignal.timeout(10_000) });
  } catch {
    const hint = "Is it running? On this computer it is started with: curator serve";
    throw new Fault(0, "Offline", `Nothing answers at ${server}`, hint);
  }
  const health = await answer.json().catch(() => null);
  if (!answer.ok || typeof health?.version !== "string")
    throw new Fault(answer.status, "NoCurator", `What answers at ${server} is not Curator`, "Check the address.");
  return health.version;
}

/** The server that a page of the app belongs to: at the address itself, or above it. People copy what they see. */
async function serverOf(address: string): Promise<{ server: string; version: string }> {
  try {
    return { server: address, version: await versionAt(address) };
  } catch (error) {
    const above = new URL("..", address).href;
    if (above === address || !(error instanceof Fault) || error.code !== "NoCurator") throw error;
    return serverOf(above);
  }
}

/** Trade the code for a token. `address` is the server's, or that of a page of the app. */
export async function pair(address: string, typed: string): Promise<Connection> {
  const { server, version } = await serverOf(address);
  if (!fits(version)) throw misfit(version);
  const answer = await ask(nobody(server), "api/v1/pairings/claim", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code: codeOf(typed), name: "Worldview extension" }),
  });
  if (answer.status === 404 || answer.status === 405) throw misfit(version);
  if (!answer.ok) throw await faultOf(answer);
  const { token, person, project } = await answer.json();
  return { server, token, version, project, person: { name: person.name, role: person.role }, task: null };
}

const misfit = (version: string) =>
  new Fault(
    0,
    "WrongVersion",
    `The server is Curator ${version}, which this extension does not understand`,
    `It needs ${OLDEST} or a later one of the same major version. Update whichever is older.`,
  );

/** What the project holds, in numbers; throws when the connection does not work. */
export async function test(connection: Connection): Promise<{ version: string; chips: number }> {
  const version = await versionAt(connection.server);
  if (!fits(version)) throw misfit(version);
  const answer = await ask(connection, "api/v1/project");
  if (answer.status === 401) {
    const hint = "The pairing was revoked or has expired. Forget this server, and connect again with a new code.";
    throw new Fault(401, "NotPaired", "The server no longer knows this browser.", hint);
  }
  if (!answer.ok) throw await faultOf(answer);
  const { chips } = await answer.json();
  return { version, chips };
}
