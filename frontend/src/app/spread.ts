/** A few chips from all over the project, so that one sees what it is made of. */
import { api, get, type Schemas } from "../api/client";

/** As many as are wanted, or all; another `shift` gives others. */
export async function spread(total: number, wanted: number, shift = 0): Promise<Schemas["Chip"][]> {
  const most = Math.min(wanted, total);
  const starts = Array.from({ length: most }, (_, at) => (Math.floor(((at + 0.5) * total) / most) + shift) % total);
  const pages = await Promise.all(
    starts.map((start) => get(api.GET("/api/v1/chips", { params: { query: { start, limit: 1 } } }))),
  );
  return pages.flatMap((page) => page.chips);
}
