/** What can be done with the selected chips: label all of them, make a task of them, search by them. */
import { Button, Group, Paper, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Fault } from "../api/client";
import { tell } from "../app/tell";
import { useMay } from "../app/who";
import { count as inWords, many } from "../app/words";
import classes from "./explore.module.css";
import { idsOf } from "./items";
import { LabelMenu } from "./LabelMenu";
import { eventsFor, label, type Said, undoOf, whyRefused } from "./labelling";
import { useTasks } from "./labelMap";
import { NewTask } from "./NewTask";
import type { Change } from "./query";
import type { Selection } from "./selection";

const MOST_EXAMPLES = 50;
const chips = (count: number) => many(count, "chip");

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
  const tasks = useTasks();

  const all = useMutation({ mutationFn: async () => onSelectAll?.() });
  const like = useMutation({
    mutationFn: () => idsOf(selection.numbers.subarray(0, MOST_EXAMPLES)),
    onSuccess: (ids) => change({ like: ids.map((chip) => ({ chip })), order: "" }),
  });
  const renew = (task: string) => {
    for (const queryKey of [["task", task], ["labels", task], ["tasks"]]) queries.invalidateQueries({ queryKey });
  };
  const undo = useMutation({
    mutationFn: (said: Said) => label(said.task, undoOf(said), { addChips: false }),
    onSuccess: ({ task, kept, broke }, said) => {
      renew(task);
      if (broke) tell(broke);
      const stay = said.added
        ? ` ${chips(said.added)} that came into the task for it ${said.added === 1 ? "stays" : "stay"} in it.`
        : "";
      notifications.show({
        id: `bulk ${task}`,
        title: "Taken back",
        message: `${chips(kept.length)} as before.${stay}`,
      });
    },
  });
  const say = useMutation({
    mutationFn: async ({ task, value }: { task: string; value: string | null }) => {
      const ids = await idsOf(selection.numbers);
      const events = eventsFor(ids, value === null ? "unsure" : "label", value === null ? [] : [value]);
      return label(task, events, { addChips: curator, onProgress: setDone });
    },
    onMutate: () => setDone(0),
    onSuccess: (said, { value }) => {
      renew(said.task);
      // So that what was said is seen; but what a model ranks stays that of its task.
      change((now) => (now.order === "model" ? now : { ...now, task: said.task }), { replace: true });
      if (said.broke) tell(said.broke);
      const refused = whyRefused(said);
      if (refused) tell(new Fault(409, "Refused", refused, ""));
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

  const count = selection.numbers.length;
  return (
    <Paper component="section" withBorder className={classes.selection} aria-label="Selection">
      <Group gap={8}>
        <Text size="sm" role="status" fw={count ? 600 : 400} {...(count === 0 && { c: "dimmed" })}>
          {say.isPending
            ? `Labelled ${inWords(done)} of ${chips(count)}…`
            : count
              ? `${chips(count)} selected`
              : "Nothing selected"}
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
                tasks={tasks}
                busy={say.isPending}
                count={count}
                onSay={(task, value) => say.mutate({ task, value })}
                onNew={curator ? () => setMaking(true) : null}
              />
            )}
            <Button size="compact-sm" variant="light" loading={like.isPending} onClick={() => like.mutate()}>
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
      <NewTask opened={making} onClose={() => setMaking(false)} chips={selection.numbers} />
    </Paper>
  );
}
