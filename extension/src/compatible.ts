/** Which servers this extension understands: those of one major version, from the first that knows Worldview on. */

export const OLDEST = "0.1.0";

export function fits(version: string): boolean {
  const theirs = numbers(version);
  const [major = 0, minor = 0, patch = 0] = numbers(OLDEST);
  if (theirs.length < 2 || theirs[0] !== major) return false;
  const [, theirMinor = 0, theirPatch = 0] = theirs;
  return theirMinor > minor || (theirMinor === minor && theirPatch >= patch);
}

const numbers = (version: string): number[] => /^\d+(\.\d+)*/.exec(version)?.[0].split(".").map(Number) ?? [];
