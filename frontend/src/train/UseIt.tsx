/** From an encoder to searches with it: it is chosen, and chips that it has not seen are embedded, in one click. */
import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, get } from "../api/client";
import { useMay } from "../app/who";
import { many } from "../app/words";
import { useJobs, useStartJob } from "../jobs/useJobs";
import { isActive } from "../jobs/words";
import type { Encoder } from "./results";

/** What they say is long, and a phone narrow. */
const breaking = { h: "auto", mih: 30, styles: { label: { whiteSpace: "normal" } } } as const;

export function UseIt({ encoder, chips }: { encoder: Encoder; chips: number }) {
  const queries = useQueryClient();
  const curator = useMay("curator");
  const embed = useStartJob();
  const left = Math.max(0, chips - encoder.vectors);
  const use = useMutation({
    mutationFn: async () => {
      await get(api.PUT("/api/v1/encoders/default", { body: { encoder: encoder.id } }));
      if (left > 0) await embed.mutateAsync({ kind: "embed", parameters: { encoder: encoder.id } });
    },
    onSuccess: () => {
      for (const key of ["encoders", "project", "map"]) queries.invalidateQueries({ queryKey: [key] });
    },
  });
  if (encoder.default) return left > 0 ? <EmbedWith encoder={encoder} left={left} /> : null;
  if (!curator) return null;
  return (
    <Button size="xs" variant="default" {...breaking} loading={use.isPending} onClick={() => use.mutate()}>
      {left > 0 ? `Use it for searches and embed ${many(left, "chip")}` : "Use it for searches"}
    </Button>
  );
}

/** Only the vectors: searches stay with what they use. */
export function EmbedWith({ encoder, left }: { encoder: Encoder; left: number }) {
  const curator = useMay("curator");
  const embed = useStartJob();
  const embedding = useJobs().data?.jobs.some((job) => job.kind === "embed" && isActive(job)) ?? false;
  if (!curator) return null;
  return (
    <Button
      size="xs"
      {...breaking}
      loading={embed.isPending}
      disabled={embedding}
      onClick={() => embed.mutate({ kind: "embed", parameters: { encoder: encoder.id } })}
    >
      Embed {many(left, "chip")}
    </Button>
  );
}
