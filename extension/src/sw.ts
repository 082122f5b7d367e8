/**
 * The service worker: turns the three gestures into a drawing, and passes on what came of it.
 *
 * It keeps nothing: browsers end it after some seconds without work. What the panel must know is in `storage.session`.
 */
import { ask, loadConnection } from "./connection";
import type { Footprint, Message, Progress, Taken } from "./messages";
import { draw, giveUp, isWorldview, WORLDVIEW } from "./worldview";

/** Firefox has a sidebar where others have a side panel. */
declare const browser: { sidebarAction: { open(): Promise<void> } };

const MENU = "find-similar";

// The script on the page needs neither the token nor what is under way. Browsers that know no such levels go without.
for (const area of [chrome.storage.local, chrome.storage.session])
  area.setAccessLevel?.({ accessLevel: "TRUSTED_CONTEXTS" });

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.removeAll(() =>
    chrome.contextMenus.create({
      id: MENU,
      title: "Find similar here",
      contexts: ["page"],
      documentUrlPatterns: [`${WORLDVIEW}*`],
    }),
  );
});

// The toolbar button, and Alt+Shift+S, which the manifest binds to it.
chrome.action.onClicked.addListener(begin);
chrome.contextMenus.onClicked.addListener((_, tab) => tab && begin(tab));

chrome.runtime.onMessage.addListener((message: Message, sender, answer) => {
  if (!isWorldview(sender.url)) return;
  if (message.kind === "footprint") {
    footprint(message.permalink).then(answer);
    return true; // the answer comes later
  }
  if (message.kind === "taken") keep(message, sender.tab);
  if (message.kind === "left") giveUp(message.why);
  return;
});

/** Opening comes first and waits for nothing: browsers allow it within the gesture only. */
function begin(tab: chrome.tabs.Tab): void {
  const { sidePanel } = chrome as Partial<typeof chrome>;
  if (sidePanel) sidePanel.open({ windowId: tab.windowId });
  else browser.sidebarAction.open();
  if (tab.id !== undefined && isWorldview(tab.url)) draw(tab.id, "new");
}

async function keep({ kind: _, ...taken }: Taken, tab: chrome.tabs.Tab | undefined): Promise<void> {
  if (tab?.id === undefined) return;
  const { drawing } = await chrome.storage.session.get<Progress>("drawing");
  const purpose = drawing?.purpose ?? "new";
  const drawn = { ...taken, id: crypto.randomUUID(), purpose, tab: tab.id, window: tab.windowId };
  await chrome.storage.session.set({ drawn } satisfies Progress);
  await chrome.storage.session.remove("drawing");
}

/** How large a chip of the project is at this place; null when nobody can say: the rectangle is useful without. */
async function footprint(permalink: string): Promise<Footprint> {
  const connection = await loadConnection();
  if (!connection) return null;
  try {
    const answer = await ask(connection, "api/v1/worldview/read", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ permalink }),
      signal: AbortSignal.timeout(5000),
    });
    return answer.ok ? (await answer.json()).footprint : null;
  } catch {
    return null;
  }
}
