/** One job: what it is, how far, what went wrong, what it said, and what can be done about it. */
import { Badge, Button, Collapse, Group, Paper, Progress, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { BASE } from "../api/client";
import { useMay } from "../app/who";
import { momentOf, percent, sentence } from "../app/words";
import { JobActions } from "./JobActions";
import { JobLog } from "./JobLog";
import { useJobChange, useStartJob } from "./useJobs";
import { beginsAnew, isOpen, type Job, nameOf, restOf, shareOf, standing } from "./words";

const COLOURS = {
  waiting: "gray",
  running: "sea",
  done: "green",
  failed: "red",
  cancelled: "gray",
  paused: "gray",
} as const;

/** The clock, once a second while somebody looks at something that runs. */
function useNow(runs: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [runs]);
  return now;
}

export function JobRow({ job }: { job: Job }) {
  const curator = useMay("curator");
  const now = useNow(job.state === "running");
  const change = useJobChange();
  const [logged, { toggle }] = useDisclosure();
  const stopping = change.isSuccess && change.variables.to !== "resume" && job.state === "running";
  const share = shareOf(job);
  const state = job.state ?? "waiting";
  return (
    <Paper withBorder p="sm" component="article" aria-label={nameOf(job.kind)}>
      <Stack gap={6}>
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text fw={600} truncate>
            {nameOf(job.kind)}
          </Text>
          <Group gap="xs" wrap="nowrap">
            <Badge color={COLOURS[state]} variant="light" tt="none">
              {state === "running" && share !== null ? percent(share) : state}
            </Badge>
            {isOpen(job) && curator && <JobActions job={job} change={change} stopping={stopping} />}
          </Group>
        </Group>
        {isOpen(job) && (
          <Progress
            value={share === null ? (state === "paused" ? 0 : 100) : share * 100}
            animated={share === null && state === "running"}
            striped={share === null && state !== "paused"}
            aria-label={`${nameOf(job.kind)}, progress`}
          />
        )}
        <Text size="sm" c={state === "failed" ? "red" : "dimmed"}>
          {stopping ? "It stops in a moment." : standing(job, now)}
        </Text>
        {job.hint && <Text size="sm">{sentence(job.hint)}</Text>}
        <Group justify="space-between" gap="xs">
          <Text size="xs" c="dimmed">
            {momentOf(job.finished ?? job.started ?? job.created)}
          </Text>
          <Group gap={4}>
            {curator && (
              <Button size="compact-sm" variant="subtle" color="gray" onClick={toggle} aria-expanded={logged}>
                Log
              </Button>
            )}
            <Next job={job} />
          </Group>
        </Group>
        <Collapse expanded={logged}>{logged && <JobLog job={job.id} />}</Collapse>
      </Stack>
    </Paper>
  );
}

/**
 * Fetch what it made, or begin it again: what was finished before is not done twice. The demo is begun in an empty
 * project, on its first page, and nowhere else.
 */
function Next({ job }: { job: Job }) {
  const again = useStartJob();
  const curator = useMay("curator");
  if (job.kind === "export" && job.state === "done")
    return (
      <Button
        component="a"
        href={`${BASE}api/v1/jobs/${job.id}/file`}
        download
        size="compact-sm"
        variant="light"
        leftSection={<IconDownload size={14} aria-hidden />}
      >
        Download
      </Button>
    );
  const rest = restOf(job);
  if (curator && rest)
    return (
      <Button
        size="compact-sm"
        variant="light"
        loading={again.isPending}
        onClick={() => again.mutate({ kind: job.kind, parameters: rest })}
      >
        Get the rest
      </Button>
    );
  if (curator && job.kind !== "demo" && (job.state === "failed" || job.state === "cancelled"))
    return (
      <Button
        size="compact-sm"
        variant="default"
        loading={again.isPending}
        onClick={() => again.mutate({ kind: job.kind, parameters: job.parameters ?? {} })}
      >
        {job.state === "failed" ? "Try again" : beginsAnew(job) ? "Begin anew" : "Go on"}
      </Button>
    );
  return null;
}
