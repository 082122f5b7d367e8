/** What can be done about a job that has not ended: pause it, let it go on, call it off. */
import { ActionIcon, Group } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconX } from "@tabler/icons-react";
import type { useJobChange } from "./useJobs";
import { type Job, nameOf } from "./words";

interface Props {
  job: Job;
  change: ReturnType<typeof useJobChange>;
  stopping: boolean; // it was asked to stop, and has not yet
}

export function JobActions({ job, change, stopping }: Props) {
  const paused = job.state === "paused";
  const name = nameOf(job.kind);
  return (
    <Group gap={2} wrap="nowrap">
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={paused ? `Go on: ${name}` : `Pause: ${name}`}
        title={paused ? "Go on" : "Pause"}
        disabled={change.isPending || stopping}
        onClick={() => change.mutate({ job: job.id, to: paused ? "resume" : "pause" })}
      >
        {paused ? <IconPlayerPlay size={18} aria-hidden /> : <IconPlayerPause size={18} aria-hidden />}
      </ActionIcon>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={`Cancel: ${name}`}
        title="Cancel"
        disabled={change.isPending}
        onClick={() => change.mutate({ job: job.id, to: "cancel" })}
      >
        <IconX size={18} aria-hidden />
      </ActionIcon>
    </Group>
  );
}
