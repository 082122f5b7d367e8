/** The question, how far the work is, and whether everything is saved. */
import { ActionIcon, Group, Progress, SegmentedControl, Text, Title, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconHelp } from "@tabler/icons-react";
import { memo, useEffect, useState } from "react";
import type { Schemas } from "../api/client";
import { type Action, isYesNo } from "./hotkeys";
import { pace } from "./pace";
import type { Snapshot, Task } from "./types";

export type Mode = "one" | "grid";

interface Props {
  task: Task;
  counts: Schemas["Counts"];
  snapshot: Snapshot;
  mode: Mode;
  onAction: (action: Action) => void;
}

export const StatusBar = memo(function StatusBar({ task, counts, snapshot, mode, onAction }: Props) {
  const now = useNow();
  const speed = pace(snapshot.times, now);
  // The server counts now and then; what I said since I came is certain.
  const [before] = useState(counts.done);
  const done = Math.min(counts.slots, Math.max(counts.done, before + snapshot.answered));
  return (
    <div className="label-bar">
      <Group justify="space-between" gap="xs">
        <Title order={2} size="h4">
          {task.question}
        </Title>
        <Group gap="xs">
          {!task.several && (
            <SegmentedControl
              size="xs"
              aria-label="How to label"
              value={mode}
              onChange={() => onAction({ do: "grid" })}
              data={[
                { value: "one", label: "One by one" },
                { value: "grid", label: isYesNo(task) ? "Nine at once" : `Nine of ${task.classes[0]}` },
              ]}
            />
          )}
          <Tooltip label="Undo (Z)">
            <ActionIcon
              variant="default"
              size="lg"
              aria-label="Undo"
              onClick={() => onAction({ do: "undo" })}
              disabled={!snapshot.last}
            >
              <IconArrowBackUp size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Shortcuts and tour (?)">
            <ActionIcon
              variant="default"
              size="lg"
              aria-label="Shortcuts and tour"
              onClick={() => onAction({ do: "help" })}
            >
              <IconHelp size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      <Group gap="sm" mt={4}>
        <Text size="sm">
          {done.toLocaleString("en")} of {counts.slots.toLocaleString("en")}
        </Text>
        <Progress
          value={counts.slots ? (100 * done) / counts.slots : 0}
          aria-label="Progress of the task"
          style={{ flex: "1 1 4rem" }}
        />
        <Text size="sm" visibleFrom="xs">
          {snapshot.times.length} by you now
        </Text>
        {speed !== null && <Text size="sm">{speed} a minute</Text>}
        <Saved snapshot={snapshot} />
      </Group>
    </div>
  );
});

function Saved({ snapshot }: { snapshot: Snapshot }) {
  const { waiting, online, trouble, durable } = snapshot;
  if (trouble && online) {
    return (
      <Text size="sm" c="red.9" role="alert">
        {trouble.message} {waiting > 0 && `${waiting} waiting here.`}
      </Text>
    );
  }
  if (!online) {
    return (
      <Text size="sm" fw={600} role="status">
        Offline · {waiting} waiting{durable ? ", kept in this browser" : ": keep this tab open"}
      </Text>
    );
  }
  return (
    <Text size="sm" style={{ minWidth: "5.5em" }}>
      {waiting > 0 ? `${waiting} waiting` : "Saved ✓"}
    </Text>
  );
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
