/** What can be done with the selected chips: label all of them, make a task of them, search by them. */
import { Button, Group, Paper, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, get } from "../api/client";
import { tell } from "../app/tell";
import { useMay } from "../app/who";
import classes from "./explore.module.css";
import { LabelMenu } from "./LabelMenu";
import { eventsFor, label, type Said, undoOf } from "./labelling";
import { NewTask } from "./NewTask";
import type { Change } from "./query";
import { MOST_SELECTED, type Selection } from "./selection";

const MOST_EXAMPLES = 50;
const number = new Intl.NumberFormat();
const chips = (count: number) => `${number.format(count)} ${count === 1 ? "chip" : "chips"}`;

interface SelectionBarProps {
  selection: Selection;
  change: Change;
  onSelectAll: (() => Promise<void>) | null;
}

export function SelectionBar({ selection, change, onSelectAll }: SelectionBarProps) {
  const mayLabel = useMay("annotator");
  const curator = useMay("curator");
  const queries = useQueryClient();
  const [making, setMaking] = useState(false);
  const [done, setDone] = useState(0);
  const tasks = useQuery({ queryKey: ["tasks"], queryFn: () => get(api.GET("/api/v1/tasks")), enabled: mayLabel });

  const all = useMutation({ mutationFn: async () => onSelectAll?.() });
  const undo = useMutation({
    mutationFn: (said: Said) => label(said.task, undoOf(said), { addChips: false }),
    onSuccess: ({ task, kept }) => {
      queries.invalidateQueries({ queryKey: ["task", task] });
      notifications.show({ id: `bulk ${task}`, title: "Taken back", message: `${chips(kept.length)} as before.` });
    },
  });
  const say = useMutation({
    mutationFn: ({ task, value }: { task: string; value: string | null }) =>
      label(task, eventsFor([...selection.ids], value === null ? "unsure" : "label", value === null ? [] : [value]), {
        addChips: curator,
        onProgress: setDone,
      }),
    onMutate: () => setDone(0),
    onSuccess: (said, { value }) => {
      queries.invalidateQueries({ queryKey: ["task", said.task] });
      queries.invalidateQueries({ queryKey: ["tasks"] });
      for (const reason of said.refused) tell(new Error(reason));
      if (said.kept.length > 0) confirm(said, value ?? "unsure");
    },
  });
  const confirm = (said: Said, value: string) =>
    notifications.show({
      id: `bulk ${said.task}`,
      autoClose: 15_000,
      title: `${chips(said.kept.length)}: ${value}`,
      message: (
        <Button
          size="compact-sm"
          variant="light"
          onClick={() => {
            notifications.hide(`bulk ${said.task}`);
            undo.mutate(said);
          }}
        >
          Undo
        </Button>
      ),
    });

  const count = selection.ids.size;
  const ids = [...selection.ids];
  return (
    <Paper component="section" withBorder className={classes.selection} aria-label="Selection">
      <Group gap={8}>
        <Text size="sm" role="status" fw={count ? 600 : 400} {...(count === 0 && { c: "dimmed" })}>
          {say.isPending
            ? `Labelled ${number.format(done)} of ${chips(count)}…`
            : count
              ? `${chips(count)} selected`
              : "Nothing selected"}
          {count === MOST_SELECTED && ", the most at once"}
        </Text>
        {onSelectAll && (
          <Button size="compact-sm" variant="subtle" loading={all.isPending} onClick={() => all.mutate()}>
            Select all shown
          </Button>
        )}
        {count > 0 && (
          <>
            <Button size="compact-sm" variant="subtle" onClick={selection.clear}>
              Clear
            </Button>
            {mayLabel && (
              <LabelMenu
                tasks={tasks.data?.tasks ?? []}
                busy={say.isPending}
                onSay={(task, value) => say.mutate({ task, value })}
                onNew={curator ? () => setMaking(true) : null}
              />
            )}
            <Button
              size="compact-sm"
              variant="light"
              onClick={() => {
                const like = ids.slice(0, MOST_EXAMPLES).map((chip) => ({ chip }));
                change((now) => ({ ...now, like, unlike: now.unlike }));
              }}
            >
              More like these
            </Button>
            {curator && (
              <Button size="compact-sm" variant="light" onClick={() => setMaking(true)}>
                Make a task from these
              </Button>
            )}
          </>
        )}
      </Group>
      <NewTask opened={making} onClose={() => setMaking(false)} chips={ids} />
    </Paper>
  );
}
