/** Takes Worldview to where and when a chip was taken. */
import { api, Fault, get } from "../../../frontend/src/api/client";
import { writePermalink } from "../permalink";
import { WORLDVIEW, worldviewTab } from "../worldview";
import { around } from "./filters";

export async function fly(id: string, last: number | null): Promise<void> {
  const { box, time, layer } = await get(api.GET("/api/v1/chips/{chip}", { params: { path: { chip: id } } }));
  if (!box) throw new Fault(0, "NoPlace", "This chip has no place.", "It was imported without one.");
  const tab = await worldviewTab(last);
  const url = writePermalink(tab?.url ?? WORLDVIEW, {
    box: around(box),
    ...(time && { time: time.slice(0, 19) }),
    ...(layer && { layers: [layer] }),
  });
  if (tab?.id === undefined) await chrome.tabs.create({ url });
  else await chrome.tabs.update(tab.id, { url, active: true });
}
