import { expect, test } from "vitest";
import { isLocal, linkOf, roleName } from "./words";

test("only this machine can follow a loopback address", () => {
  expect(["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "a.localhost"].map(isLocal)).toEqual(Array(5).fill(true));
  expect(["curator.example.org", "10.0.0.2", "127.example.org", "localhost.example.org"].map(isLocal)).toEqual(
    Array(4).fill(false),
  );
});
test("a link leads through the proxy's path", () => {
  expect(linkOf("/", "/join#s", "http://h:1")).toBe("http://h:1/join#s");
  expect(linkOf("/tools/curator/", "/join#s", "https://h")).toBe("https://h/tools/curator/join#s");
});
test("every role says what it may do", () => expect(roleName("annotator")).toBe("Annotator: looks and labels"));
