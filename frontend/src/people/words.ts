/** Roles in words, and whether a link can be followed from another machine. */
import type { Role } from "../app/who";

export const ROLES: readonly { value: Role; label: string; may: string }[] = [
  { value: "viewer", label: "Viewer", may: "looks" },
  { value: "annotator", label: "Annotator", may: "looks and labels" },
  { value: "curator", label: "Curator", may: "labels, makes tasks, gets imagery, reviews and exports" },
  { value: "owner", label: "Owner", may: "does everything, and lets people in" },
];

export function roleName(role: Role): string {
  const found = ROLES.find(({ value }) => value === role);
  return found ? `${found.label}: ${found.may}` : role;
}

/** Whether only this machine can follow an address. */
export const isLocal = (host: string): boolean => /^(localhost|.*\.localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(host);

export const linkOf = (base: string, path: string, origin: string): string =>
  `${origin}${base.replace(/\/$/, "")}${path}`;
