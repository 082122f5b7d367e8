/** What the panel says when there is nothing to search with yet: what is missing, and the one thing to do about it. */
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Empty } from "../../../frontend/src/app/Notice";
import { OLDEST } from "../compatible";
import { permissionFor } from "../connection";
import { draw, WORLDVIEW, worldviewTab } from "../worldview";

export const openSettings = () => chrome.runtime.openOptionsPage();

const Settings = ({ children }: { children: string }) => <Button onClick={openSettings}>{children}</Button>;

export const NotConnected = () => (
  <Empty title="Connect to your Curator server" action={<Settings>Connect</Settings>}>
    Curator searches on a server of your own: on this computer, or one that your group runs.
  </Empty>
);

export const NotPaired = () => (
  <Empty title="The server no longer knows this browser" action={<Settings>Pair again</Settings>}>
    The pairing was revoked or has expired. A new code from Curator connects you again; your labels are safe.
  </Empty>
);

export const WrongVersion = ({ version }: { version: string }) => (
  <Empty title="This server and this extension do not fit" action={<Settings>Settings</Settings>}>
    The server is Curator {version || "of an unknown version"}; this extension ({chrome.runtime.getManifest().version})
    needs {OLDEST} or a later one of the same major version. Update whichever is older.
  </Empty>
);

export const NoPermission = ({ server }: { server: string }) => (
  <Empty
    title="The browser does not let Curator reach your server"
    action={<Button onClick={() => chrome.permissions.request({ origins: [permissionFor(server)] })}>Allow</Button>}
  >
    {new URL(server).host} was allowed before and is not any more.
  </Empty>
);

/** Whether the browser lets us ask this server; undefined until it is known. */
export function useAllowed(server: string): boolean | undefined {
  const [allowed, setAllowed] = useState<boolean>();
  const queries = useQueryClient();
  useEffect(() => {
    const look = async () => {
      setAllowed(await chrome.permissions.contains({ origins: [permissionFor(server)] }));
      queries.invalidateQueries({ queryKey: ["server"] });
    };
    chrome.permissions.onAdded.addListener(look);
    chrome.permissions.onRemoved.addListener(look);
    look();
    return () => {
      chrome.permissions.onAdded.removeListener(look);
      chrome.permissions.onRemoved.removeListener(look);
    };
  }, [server, queries]);
  return allowed;
}

/** The beginning of every search. */
export const NothingMarked = () => (
  <Empty title="Mark a scene on Worldview" action={<Button onClick={markOrOpen}>Mark a scene</Button>}>
    Curator then shows where and when else it looks like that. Alt+Shift+S and the button in the toolbar do the same.
  </Empty>
);

async function markOrOpen() {
  const tab = await worldviewTab(null);
  if (tab?.id === undefined) return void chrome.tabs.create({ url: WORLDVIEW });
  await chrome.tabs.update(tab.id, { active: true });
  await draw(tab.id, "new");
}
