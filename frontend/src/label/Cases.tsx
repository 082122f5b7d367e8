/** Chips that somebody should decide, one after the other: what people said, side by side, and the last word. */
import { Button, Group, Kbd, Stack, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, get, type Schemas, thumbnailOf } from "../api/client";
import { useNames } from "../app/who";
import { many } from "../app/words";
import { ClassDot } from "../widgets/ClassDot";
import { Answers } from "./Answers";
import { eventId } from "./events";
import type { Action } from "./hotkeys";
import { sourceOf } from "./pictures";
import type { Chip, Task } from "./types";
import { useKeys } from "./useKeys";
import { describe } from "./words";

export interface Case {
  chip: string;
  facts: Chip | null;
  answers: Schemas["Label"][];
  /** What the model says, where that is the point. */
  because: string;
}

const UNSURE = "Unsure";

export function Cases({ task, cases }: { task: Task; cases: readonly Case[] }) {
  const queries = useQueryClient();
  const [decided, setDecided] = useState<Record<string, string>>({});
  const [at, setAt] = useState(0);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [note, setNote] = useState("");
  const here = cases[Math.min(at, cases.length - 1)];
  const go = (to: number) => {
    setAt(Math.max(0, Math.min(cases.length - 1, to)));
    setPicked(new Set());
    setNote("");
  };
  const word = useMutation({
    mutationFn: (body: Schemas["Word"]) =>
      get(api.POST("/api/v1/tasks/{task}/adjudications", { params: { path: { task: task.id } }, body })),
    onError: (_, { chip }) => setDecided(({ [chip]: _gone, ...others }) => others),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["task", task.id, "outlook"] }),
  });
  if (!here) return null;

  const say = (value: string[] | null) => {
    word.mutate({ id: eventId(), chip: here.chip, value, note });
    setDecided({ ...decided, [here.chip]: value === null ? UNSURE : value.join(", ") || "None of them" });
    go(at + 1);
  };
  const choose = (index: number) => {
    const name = task.classes[index] ?? "";
    if (!task.several) say([name]);
    else setPicked(picked.has(name) ? new Set([...picked].filter((one) => one !== name)) : new Set([...picked, name]));
  };
  const confirm = () => task.several && say(task.classes.filter((name) => picked.has(name)));
  const act = (action: Action) => {
    if (action.do === "class") choose(action.at);
    if (action.do === "unsure") say(null);
    if (action.do === "skip" || action.do === "later") go(at + 1);
    if (action.do === "undo" || action.do === "earlier") go(at - 1);
    if (action.do === "confirm") confirm();
  };
  return (
    <div className="review">
      <Keys task={task} act={act} />
      <Stack gap="xs">
        <img className="review-picture" src={sourceOf(here.chip, here.facts)} alt={describe(here.facts)} />
        <Text size="sm" c="dimmed">
          {describe(here.facts)}
        </Text>
      </Stack>
      <Stack>
        <Group justify="space-between">
          <Text aria-live="polite">
            {Math.min(at, cases.length - 1) + 1} of {cases.length} · {Object.keys(decided).length} decided now
          </Text>
          <Group gap="xs">
            <Button
              size="xs"
              variant="default"
              disabled={at <= 0}
              onClick={() => go(at - 1)}
              rightSection={<Kbd size="xs">,</Kbd>}
            >
              Before
            </Button>
            <Button
              size="xs"
              variant="default"
              disabled={at >= cases.length - 1}
              onClick={() => go(at + 1)}
              rightSection={<Kbd size="xs">.</Kbd>}
            >
              Next
            </Button>
          </Group>
        </Group>
        {here.because && <Text>{here.because}</Text>}
        {decided[here.chip] && (
          <Text fw={600} role="status">
            You decided: {decided[here.chip]}. Decide again to change it.
          </Text>
        )}
        <Sides task={task} answers={here.answers} />
        <Textarea
          label="Note"
          size="xs"
          autosize
          maxLength={2000}
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
        <Title order={3} size="h5">
          The last word
        </Title>
        <Answers task={task} picked={picked} onAction={act} />
      </Stack>
    </div>
  );
}

function Keys({ task, act }: { task: Task; act: (action: Action) => void }) {
  useKeys(task, act);
  return null;
}

/** A column for each answer: who gave it, and what the class should look like. */
function Sides({ task, answers }: { task: Task; answers: readonly Schemas["Label"][] }) {
  const nameOf = useNames();
  const sides = new Map<string, Schemas["Label"][]>();
  for (const answer of answers) {
    const name = answer.decision === "label" ? answer.value?.join(", ") || "None of them" : UNSURE;
    sides.set(name, [...(sides.get(name) ?? []), answer]);
  }
  return (
    <div className="review-sides">
      {[...sides].map(([name, given]) => (
        <section key={name} aria-label={name}>
          <Text fw={600}>
            {given[0]?.value?.[0] && <ClassDot classes={task.classes} name={given[0].value[0]} />} {name} ·{" "}
            {many(given.length, "person", "people")}
          </Text>
          {given.map((answer) => (
            <Text key={answer.id} size="sm">
              {answer.source === "import" ? "Imported" : nameOf(answer.annotator)}
              {answer.note && `: “${answer.note}”`}
            </Text>
          ))}
          <Group gap={4} mt={4}>
            {(task.references?.[name] ?? []).slice(0, 4).map((chip, index) => (
              <img
                key={chip}
                src={thumbnailOf(chip, 64)}
                width={56}
                height={56}
                alt={`${name}, reference ${index + 1}`}
              />
            ))}
          </Group>
        </section>
      ))}
    </div>
  );
}
