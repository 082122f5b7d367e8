/** An id that nobody else makes. Not `randomUUID`: browsers offer that only over HTTPS and on this machine. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
