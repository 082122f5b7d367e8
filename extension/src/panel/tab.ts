/** The tab with Worldview that a person means, or why there is none. */
import { Fault } from "../../../frontend/src/api/client";
import { worldviewTab } from "../worldview";

/** `last` is the one that was used before. */
export async function tabOf(last: number | null): Promise<{ id: number; url: string }> {
  const { id, url } = (await worldviewTab(last)) ?? {};
  if (id === undefined || url === undefined)
    throw new Fault(0, "NoTab", "No tab shows Worldview.", "Open it, and try again.");
  return { id, url };
}
