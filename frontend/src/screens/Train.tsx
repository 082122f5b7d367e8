/** Encoders: what turns pictures into vectors, which one searches use, and how much of the project each has seen. */
import { Badge, Button, Group, Paper, Progress, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, get, type Schemas } from "../api/client";
import { Empty, Failed, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay } from "../app/who";
import { count, many } from "../app/words";
import { Starters } from "../jobs/Starters";
import { useJobs, useStartJob } from "../jobs/useJobs";
import { isOpen } from "../jobs/words";

type Card = Omit<Schemas["EncoderCard"], "mean" | "std">;
type Encoder = Omit<Schemas["EncoderState"], "card"> & { card: Card };

export default function Train() {
  const encoders = useQuery({ queryKey: ["encoders"], queryFn: () => get(api.GET("/api/v1/encoders")) });
  return (
    <Page
      title="Encoders"
      lead="An encoder turns each chip into a vector, so that chips that look alike lie close together."
      actions={<Starters kinds={["train"]} />}
    >
      {encoders.isPending && <Loading />}
      {encoders.isError && <Failed error={encoders.error} again={() => encoders.refetch()} />}
      {encoders.data?.encoders.length === 0 && (
        <Empty title="No encoder is installed">
          Whoever runs the server can add one: <code>curator encoders add FILE</code>
        </Empty>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {encoders.data?.encoders.map((encoder) => (
          <EncoderCard key={encoder.id} encoder={encoder} chips={encoders.data.chips} />
        ))}
      </SimpleGrid>
    </Page>
  );
}

function EncoderCard({ encoder: { id, card, default: chosen, vectors }, chips }: { encoder: Encoder; chips: number }) {
  const queries = useQueryClient();
  const curator = useMay("curator");
  const embed = useStartJob();
  const embedding = useJobs().data?.jobs.some((job) => job.kind === "embed" && isOpen(job));
  const choose = useMutation({
    mutationFn: () => get(api.PUT("/api/v1/encoders/default", { body: { encoder: id } })),
    onSuccess: () => {
      for (const key of ["encoders", "project", "map"]) queries.invalidateQueries({ queryKey: [key] });
    },
  });
  const left = Math.max(0, chips - vectors);
  return (
    <Paper withBorder p="md" component="article" aria-label={card.name}>
      <Stack gap="sm" h="100%">
        <Group justify="space-between">
          <Title order={3} size="h4">
            {card.name}
          </Title>
          {chosen && (
            <Badge variant="light" tt="none">
              Searches use it
            </Badge>
          )}
        </Group>
        <Text size="sm">
          {many(card.dim, "number")} a chip, pictures of {card.input_size} × {card.input_size} pixels.
        </Text>
        <Facts card={card} />
        <div style={{ marginTop: "auto" }}>
          <Text size="sm">
            {chips === 0
              ? "There are no chips yet."
              : left === 0
                ? `Has seen ${chips === 1 ? "the only chip" : `all ${count(chips)} chips`}.`
                : `Has seen ${count(vectors)} of ${many(chips, "chip")}.`}
          </Text>
          {chips > 0 && (
            <Progress value={(100 * vectors) / chips} mt={4} aria-label={`Chips that ${card.name} has seen`} />
          )}
        </div>
        {curator && (
          <Group gap="xs">
            {!chosen && (
              <Button size="xs" variant="default" loading={choose.isPending} onClick={() => choose.mutate()}>
                Use it for searches
              </Button>
            )}
            {left > 0 && (
              <Button
                size="xs"
                loading={embed.isPending}
                disabled={embedding ?? false}
                onClick={() => embed.mutate({ kind: "embed", parameters: { encoder: id } })}
              >
                Embed {many(left, "chip")}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Paper>
  );
}

function Facts({ card }: { card: Card }) {
  const facts = [
    ["Trained by", card.method],
    ["Trained on", card.trained_on],
    ["Credit", card.attribution],
  ].filter(([, said]) => said && said !== "unknown");
  return (
    <details>
      <summary style={{ cursor: "pointer", minHeight: 24 }}>
        <Text span size="sm">
          Licence {card.licence}. How it was made and measured
        </Text>
      </summary>
      <dl style={{ margin: "8px 0 0" }}>
        {[
          ...facts,
          ...Object.entries(card.metrics ?? {}).map(([name, value]) => [name, value.toLocaleString("en")]),
        ].map(([name, said]) => (
          <div key={name} style={{ marginBottom: 6 }}>
            <Text component="dt" size="sm" c="dimmed">
              {name}
            </Text>
            <dd style={{ margin: 0, overflowWrap: "anywhere", fontSize: "var(--mantine-font-size-sm)" }}>{said}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
