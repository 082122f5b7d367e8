/** Send files to the server, one after the other, and import each: with how far it is. */
import { BASE, Fault } from "../api/client";
import { send } from "../app/ask";
import { newId } from "../app/ids";
import type { Job } from "../jobs/words";

export interface Sending {
  key: string;
  name: string;
  bytes: number;
  sent: number;
  state: "waiting" | "sending" | "importing" | "failed";
  error?: string;
}

/** `fetch` cannot tell how much has been sent; this can. */
export function upload(file: File, progress: (sent: number) => void, signal: AbortSignal): Promise<{ id: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${BASE}api/v1/uploads?name=${encodeURIComponent(file.name.slice(0, 255))}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onerror = () => reject(new Fault(0, "Offline", "The server does not answer.", "Send the file again."));
    request.onabort = () => reject(new Fault(0, "Aborted", "You stopped it.", ""));
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status < 300) return resolve(answer as { id: string });
      const {
        code = "ServerError",
        message = `The server answered ${request.status}.`,
        hint = "",
      } = answer.error ?? {};
      reject(new Fault(request.status, code, message, hint));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function parsed(text: string): { id?: string; error?: { code?: string; message?: string; hint?: string } } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export const importOf = (upload: string): Promise<Job> =>
  send<Job>("POST", "api/v1/jobs", { id: newId(), kind: "import", parameters: { upload } });

/** The files of what was dropped, those in folders too. */
export async function filesOf(items: DataTransferItemList): Promise<File[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.() ?? null).filter((entry) => entry !== null);
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile)
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    // it gives a hundred at a time, and none at the end
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(filesIn))).flat();
}

const KNOWN = /\.(zip|tar|tgz|tar\.gz|tiff?|png|jpe?g|webp|jp2)$/i;

/** Which of the files may be imagery; what systems leave in folders is not. */
export const usable = (files: readonly File[]): File[] =>
  files.filter(({ name, size }) => size > 0 && !name.startsWith(".") && KNOWN.test(name));
