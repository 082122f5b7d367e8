import { describe, expect, it } from "vitest";
import { fits } from "./compatible";
import { permissionFor, serverAddress } from "./connection";

describe("the address of a server", () => {
  it.each([
    ["http://127.0.0.1:8000", "http://127.0.0.1:8000/"],
    ["127.0.0.1:8000", "http://127.0.0.1:8000/"],
    [" localhost:8000/ ", "http://localhost:8000/"],
    ["curator.example.org", "https://curator.example.org/"],
    ["https://example.org/curator/", "https://example.org/curator/"],
    ["https://example.org/curator?x=1#y", "https://example.org/curator/"],
  ])("%s is %s", (typed, address) => expect(serverAddress(typed)).toBe(address));

  it.each(["", "   ", "http://", "ftp://example.org", "two words"])("%j is none", (typed) =>
    expect(serverAddress(typed)).toBeNull(),
  );

  it("is asked for without its port, which Firefox does not know in a pattern", () =>
    expect(permissionFor("http://127.0.0.1:8000/")).toBe("http://127.0.0.1/*"));
});

describe("the version of a server", () => {
  it.each(["0.1.0", "0.1.7", "0.9.0.dev3"])("%s fits", (version) => expect(fits(version)).toBe(true));
  it.each(["0.0.9", "1.0.0", "", "new"])("%j does not", (version) => expect(fits(version)).toBe(false));
});
