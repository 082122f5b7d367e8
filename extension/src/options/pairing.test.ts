import { afterEach, expect, it, vi } from "vitest";
import { codeOf, pair, test, versionAt } from "./pairing";

/** Stands for a server: what it answers to which path. */
function serve(answers: Record<string, Response | Error>) {
  vi.stubGlobal("fetch", async (address: string) => {
    const answer = answers[new URL(address).pathname] ?? new Response("{}", { status: 404 });
    if (answer instanceof Error) throw answer;
    return answer;
  });
}
const SERVER = "http://127.0.0.1:8000/";
const json = (value: object, status = 200) => new Response(JSON.stringify(value), { status });

afterEach(() => vi.unstubAllGlobals());

it("reads a code however it is written", () => expect(codeOf(" abcd-2345 ")).toBe("ABCD2345"));

it("says that nothing answers", async () => {
  serve({ "/healthz": new TypeError("Failed to fetch") });
  await expect(versionAt(SERVER)).rejects.toMatchObject({
    code: "Offline",
    hint: expect.stringContaining("curator serve"),
  });
});

it("says that what answers is another program", async () => {
  serve({ "/healthz": new Response("<html>hello</html>") });
  await expect(versionAt(SERVER)).rejects.toMatchObject({ code: "NoCurator" });
});

it.each([
  ["http://127.0.0.1:8000/settings/", SERVER],
  ["http://127.0.0.1:8000/tasks/smoke/label/", SERVER],
  ["https://example.org/curator/explore/", "https://example.org/curator/"],
])("finds the server of the page %s", async (page, server) => {
  const path = new URL(server).pathname;
  const claim = { token: "cur_x", project: {}, person: {} };
  serve({ [`${path}healthz`]: json({ version: "0.1.0" }), [`${path}api/v1/pairings/claim`]: json(claim, 201) });
  expect(await pair(page, "ABCD2345")).toMatchObject({ server });
});

it("looks for a server nowhere but above the address", async () => {
  serve({ "/other/healthz": json({ version: "0.1.0" }) });
  await expect(pair("http://127.0.0.1:8000/settings/", "ABCD2345")).rejects.toMatchObject({ code: "NoCurator" });
});

it("refuses a server of another version, and one that knows no pairing", async () => {
  serve({ "/healthz": json({ version: "7.0.0" }) });
  await expect(pair(SERVER, "ABCD2345")).rejects.toMatchObject({ code: "WrongVersion" });
  serve({ "/healthz": json({ version: "0.1.0" }) });
  await expect(pair(SERVER, "ABCD2345")).rejects.toMatchObject({ code: "WrongVersion" });
});

it("passes on what the server says of a wrong code", async () => {
  const error = { code: "NotSignedIn", message: "this code is unknown or used", hint: "make another" };
  serve({ "/healthz": json({ version: "0.1.0" }), "/api/v1/pairings/claim": json({ error }, 401) });
  await expect(pair(SERVER, "ABCD2345")).rejects.toMatchObject({
    status: 401,
    message: error.message,
    hint: error.hint,
  });
});

it("says that a pairing has ended", async () => {
  const error = { code: "NotSignedIn", message: "this token is unknown", hint: "send the header Authorization" };
  serve({ "/healthz": json({ version: "0.1.0" }), "/api/v1/project": json({ error }, 401) });
  const connection = { server: SERVER, token: "cur_x", version: "0.1.0", task: null };
  const known = { project: { id: "p", name: "Fires" }, person: { name: "Ada", role: "curator" } };
  await expect(test({ ...connection, ...known })).rejects.toMatchObject({
    code: "NotPaired",
    hint: expect.stringContaining("connect again"),
  });
});

it("keeps the token, the project and the person", async () => {
  const claim = {
    token: "cur_x",
    project: { id: "p", name: "Fires" },
    person: { id: "1", name: "Ada", role: "curator" },
    version: "0.1.0",
  };
  serve({ "/healthz": json({ version: "0.1.0" }), "/api/v1/pairings/claim": json(claim, 201) });
  expect(await pair(SERVER, "ABCD2345")).toEqual({
    server: SERVER,
    token: "cur_x",
    version: "0.1.0",
    project: { id: "p", name: "Fires" },
    person: { name: "Ada", role: "curator" },
    task: null,
  });
});
