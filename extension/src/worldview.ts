/** Where NASA Worldview is, and how a drawing is begun and ended on it. */
import type { Message, Progress, Purpose } from "./messages";

export const WORLDVIEW = "https://worldview.earthdata.nasa.gov/";

export const isWorldview = (url: string | undefined): url is string => url?.startsWith(WORLDVIEW) ?? false;

/** Lay our rectangle over the map of a tab. Done again, it begins anew. */
export async function draw(tab: number, purpose: Purpose): Promise<void> {
  await chrome.storage.session.remove(["trouble", "drawn"]);
  await chrome.storage.session.set({ drawing: { purpose, tab } } satisfies Progress);
  try {
    await chrome.scripting.executeScript({ target: { tabId: tab }, files: ["content.js"] });
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    await giveUp(`Worldview cannot be drawn on (${why}). Reload it, or click Curator's button in the toolbar.`);
  }
}

/** Nobody draws any more; `why` if something stopped it. */
export async function giveUp(why?: string): Promise<void> {
  await chrome.storage.session.remove("drawing");
  if (why) await chrome.storage.session.set({ trouble: why } satisfies Progress);
}

/** Take the rectangle off the map of a tab. */
export async function leave(tab: number): Promise<void> {
  const message: Message = { kind: "left" };
  await chrome.tabs.sendMessage(tab, message).catch(() => giveUp()); // nobody hears it: there is no rectangle
}

/** The tab that a person would mean: the last one that was used if it is still on Worldview, else the one in front. */
export async function worldviewTab(last: number | null): Promise<chrome.tabs.Tab | null> {
  const tabs = await chrome.tabs.query({ url: `${WORLDVIEW}*` });
  const front = tabs.find((tab) => tab.active);
  return tabs.find((tab) => tab.id === last) ?? front ?? tabs[0] ?? null;
}
