/** Buttons for kinds of jobs that not every server knows: each is there when the server's API lists its kind. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { askJson } from "../app/ask";
import { useMay } from "../app/who";
import { useStartJob } from "./useJobs";
import { nameOf } from "./words";

interface Description {
  paths: Record<string, { post?: { requestBody?: { content?: Record<string, { schema?: unknown }> } } }>;
}

/** The kinds of jobs that can be begun, as the server's description of its API has them. */
export function kindsIn(description: Description): string[] {
  const schema = description.paths["/api/v1/jobs"]?.post?.requestBody?.content?.["application/json"]?.schema;
  const mapping = (schema as { discriminator?: { mapping?: object } } | undefined)?.discriminator?.mapping;
  return Object.keys(mapping ?? {});
}

export function Starters({ kinds }: { kinds: readonly string[] }) {
  const curator = useMay("curator");
  const start = useStartJob();
  const known = useQuery({
    queryKey: ["kinds"],
    queryFn: async () => kindsIn(await askJson<Description>("api/v1/openapi.json")),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: curator,
  });
  return kinds
    .filter((kind) => known.data?.includes(kind))
    .map((kind) => (
      <Button key={kind} loading={start.isPending} onClick={() => start.mutate({ kind, parameters: {} })}>
        {nameOf(kind)}
      </Button>
    ));
}
