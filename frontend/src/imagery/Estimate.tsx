/** What it will take, and the button that begins it. */
import { Alert, Button, Group, List, Loader, Paper, Stack, Text } from "@mantine/core";
import { useLocation } from "wouter";
import { Failed } from "../app/Notice";
import { bytes, count, daysBetween, duration, many } from "../app/words";
import { useStartJob } from "../jobs/useJobs";
import { daysIn, missing, type Order, parametersOf } from "./order";
import type { useEstimate } from "./useEstimate";

const TRIED = 100;

export function Estimate({ order, outlook, error, counting }: { order: Order } & ReturnType<typeof useEstimate>) {
  const start = useStartJob();
  const [, go] = useLocation();
  const lacks = missing(order);
  const parameters = parametersOf(order);
  const begin = (more: { limit?: number }) =>
    parameters &&
    start.mutate({ kind: "download", parameters: { ...parameters, ...more } }, { onSuccess: () => go("/") });
  const ready = !lacks && !error && !!outlook && !counting && outlook.chips > 0;
  return (
    <Paper withBorder p="md" component="section" aria-label="What it takes">
      <Stack gap="sm">
        {error && <Failed error={error} />}
        {outlook && !lacks && <Figures outlook={outlook} />}
        {lacks && <Text c="dimmed">{lacks}</Text>}
        <Group justify="flex-end">
          <Text size="sm" c="dimmed" role="status" component="div" style={{ flex: 1 }}>
            {counting && (
              <Group gap={6}>
                <Loader size={14} aria-hidden /> Counting the tiles…
              </Group>
            )}
          </Text>
          {ready && outlook.chips > TRIED && (
            <Button size="md" variant="default" loading={start.isPending} onClick={() => begin({ limit: TRIED })}>
              Try {TRIED} first
            </Button>
          )}
          <Button size="md" disabled={!ready} loading={start.isPending} onClick={() => begin({})}>
            Start the download
          </Button>
        </Group>
        {ready && outlook.chips > TRIED && (
          <Text size="sm" c="dimmed">
            The first {TRIED} are spread over the days and the place. You can get the rest after a look at them.
          </Text>
        )}
      </Stack>
    </Paper>
  );
}

function Figures({ outlook }: { outlook: NonNullable<ReturnType<typeof useEstimate>["outlook"]> }) {
  const { chips, tiles, cached, download_bytes, disk_bytes, seconds, notes, orders, outlines } = outlook;
  const instants = Math.max(0, ...orders.map(({ estimate }) => estimate.instants));
  const resolution = orders[0]?.estimate.resolution;
  return (
    <>
      <div>
        <Text fz={22} fw={650}>
          At most {many(chips, "chip")}
        </Text>
        <Text>
          {many(tiles, "tile")} · {bytes(download_bytes)} · about {duration(seconds)}
        </Text>
        <Text size="sm" c="dimmed">
          {[
            outlines > 0 && `${many(outlines, "place")} × ${many(instants, "time")}`,
            resolution && `${count(Math.round(resolution))} m a pixel`,
            cached > 0 && `${many(cached, "tile")} ${cached === 1 ? "is" : "are"} here already`,
            `${bytes(disk_bytes)} on this server`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </Text>
        {outlines > 2000 && (
          <Text size="sm" c="dimmed">
            The map shows the first 2,000 of {count(outlines)} outlines.
          </Text>
        )}
      </div>
      {chips === 0 && (
        <Alert color="yellow">There is nothing here on these days. Choose others, or a larger place.</Alert>
      )}
      {notes.length > 0 && (
        <List size="sm">
          {notes.map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
      {orders.length > 0 && (
        <Text size="sm" c="dimmed">
          {orders
            .map(({ layers, start, end }) => `${layers.join(", ")}${start ? `, ${daysOf(start, end)}` : ""}`)
            .join("; ")}
        </Text>
      )}
    </>
  );
}

function daysOf(start: string, end: string | null): string {
  const { from, to } = daysIn(start, end);
  return daysBetween(from, to);
}
