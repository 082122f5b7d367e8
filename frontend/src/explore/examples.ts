/** Pictures that come from outside: from a file, the clipboard, or dragged in. */
import { useEffect, useRef } from "react";
import { BASE, Fault, faultOf, type Schemas } from "../api/client";
import { typing } from "../app/keys";
import { tell } from "../app/tell";
import type { Example, Sign } from "./query";
import { linkIn } from "./worldview";

export const CHIP_DRAG = "application/x-curator-chip";
const TAKEN = ["image/jpeg", "image/png", "image/webp", "image/tiff"];
export const ACCEPT = TAKEN.join(",");
const MOST_AT_ONCE = 20;

/** Keep a picture on the server, so that links can name it. */
export async function upload(file: File): Promise<Example> {
  if (file.type && !file.type.startsWith("image/"))
    throw new Fault(0, "NoPicture", `${file.name} is not a picture.`, "JPEG, PNG, WebP and TIFF can be examples.");
  const response = await fetch(`${BASE}api/v1/examples`, {
    method: "POST",
    headers: { "Content-Type": file.type || "application/octet-stream" },
    body: file,
  });
  if (!response.ok) throw await faultOf(response);
  const kept: Schemas["KeptExample"] = await response.json();
  return { example: kept.id };
}

/** All that can be uploaded becomes examples; what cannot is told, and stops no other. */
export async function uploadAll(files: readonly File[], add: (example: Example) => void): Promise<void> {
  for (const file of files.slice(0, MOST_AT_ONCE))
    await upload(file).then(add, (error) =>
      tell(error instanceof TypeError ? new Fault(0, "Offline", "The server does not answer.", "Try again.") : error),
    );
}

/** What was dropped: a chip of the grid, files, or a link to Worldview. */
export function dropped(data: DataTransfer): { chips: string[]; files: File[]; link: string | null } {
  const chip = data.getData(CHIP_DRAG);
  return { chips: chip ? [chip] : [], files: [...data.files], link: linkIn(data.getData("text/plain")) };
}

/**
 * A picture, or a link to Worldview, that is pasted anywhere on the page becomes an example. Text fields keep the text
 * that is pasted into them.
 */
export function usePaste(take: (files: File[], sign: Sign) => void, takeLink: (link: string, sign: Sign) => void) {
  const latest = useRef({ take, takeLink });
  latest.current = { take, takeLink };
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      const link = typing(event.target) ? null : linkIn(event.clipboardData?.getData("text/plain") ?? "");
      if (files.length > 0) latest.current.take(files, "like");
      else if (link) latest.current.takeLink(link, "like");
      else return;
      event.preventDefault();
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, []);
}
