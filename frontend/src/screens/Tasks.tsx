/** What is asked in this project, how far it is, and new questions. */
import { Alert, Button, Card, Group, Modal, Progress, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { Link } from "wouter";
import { api, BASE, get, type Schemas } from "../api/client";
import { type Message, useLive } from "../api/live";
import { Failed, Loading } from "../app/Notice";
import { useTitle } from "../app/Page";
import { useMay, useMe } from "../app/who";
import { many } from "../app/words";
import { countWaiting } from "../label/outbox";
import { NewTask } from "./NewTask";

export const useTasks = () =>
  useQuery({
    queryKey: ["tasks"],
    queryFn: () => get(api.GET("/api/v1/tasks", { params: { query: { limit: 100 } } })),
  });

export default function Tasks() {
  useTitle("Label");
  const tasks = useTasks();
  const queries = useQueryClient();
  const curates = useMay("curator");
  const [opened, { open, close }] = useDisclosure();
  useLive(
    useCallback(
      (message: Message) => {
        if (message.type === "task") queries.invalidateQueries({ queryKey: ["tasks"] });
      },
      [queries],
    ),
  );
  const shown = tasks.data?.tasks ?? [];
  return (
    <Stack maw={1000}>
      <Group justify="space-between">
        <Title order={2}>Label</Title>
        {curates && <Button onClick={open}>New task</Button>}
      </Group>
      {tasks.isPending && <Loading what="Loading the tasks" />}
      {tasks.isLoadingError && <Failed error={tasks.error} again={() => tasks.refetch()} />}
      {tasks.data && shown.length === 0 && <Nothing curates={curates} />}
      {[...shown].reverse().map((state) => (
        <TaskCard key={state.task.id} state={state} />
      ))}
      <Modal opened={opened} onClose={close} title="New task" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
        <NewTask onDone={close} />
      </Modal>
    </Stack>
  );
}

function Nothing({ curates }: { curates: boolean }) {
  return (
    <Alert role="note" title="Nothing is asked yet">
      A task is a question about pictures, such as “Is there smoke?”, with the answers to choose from.{" "}
      {curates
        ? "Make one about all pictures here, or choose some on Explore first."
        : "A curator of this project can make one."}
    </Alert>
  );
}

function TaskCard({ state: { task, counts } }: { state: Schemas["TaskState"] }) {
  const labels = useMay("annotator");
  const curates = useMay("curator");
  const waiting = useWaiting()[task.id] ?? 0;
  const name = `task-${task.id}`;
  const share = counts.slots ? (100 * counts.done) / counts.slots : 0;
  return (
    <Card withBorder component="section" aria-labelledby={name}>
      <Group justify="space-between" align="start">
        <div style={{ flex: "1 1 16rem" }}>
          <Title order={3} size="h4" id={name}>
            {task.question}
          </Title>
          <Text size="sm" c="dimmed">
            {task.classes.join(" · ")}
            {task.several && " · several at once"}
            {(task.opinions ?? 1) > 1 && ` · ${task.opinions} opinions each`}
          </Text>
        </div>
        <Group gap="xs">
          {labels && (
            <Button component={Link} href={`/tasks/${task.id}/label`}>
              Label
            </Button>
          )}
          {curates && (
            <Button component={Link} href={`/tasks/${task.id}/review`} variant="default">
              Review
            </Button>
          )}
          <Button component={Link} href={`/tasks/${task.id}/insights`} variant="default">
            Insights
          </Button>
        </Group>
      </Group>
      <Progress value={share} mt="md" aria-label={`Progress of: ${task.question}`} />
      <Group justify="space-between" mt={4} gap="xs">
        <Text size="sm">
          {counts.done.toLocaleString("en")} of {many(counts.slots, "answer")} about {many(counts.chips, "picture")}
          {counts.leased > 0 && ` · ${counts.leased} on screens now`}
        </Text>
        {waiting > 0 && (
          <Text size="sm" fw={600}>
            {waiting} of yours wait in this browser: open Label to send them
          </Text>
        )}
      </Group>
      {curates && <Goal task={task} />}
    </Card>
  );
}

const GOALS = [
  {
    value: "find",
    label: "Find them all",
    text: "Shows what most likely belongs, so that few answers find most of it.",
  },
  { value: "hybrid", label: "Both", text: "Half of what is shown likely belongs, the rest teaches the model." },
  {
    value: "train",
    label: "Train a detector",
    text: "Shows what the model is least sure of, so that it learns the most.",
  },
];

function Goal({ task }: { task: Schemas["Task"] }) {
  const queries = useQueryClient();
  const params = { path: { task: task.id } };
  const queryKey = ["strategy", task.id]; // not below ["task"]: labels do not change it
  const strategy = useQuery({
    queryKey,
    queryFn: async () => (await get(api.GET("/api/v1/tasks/{task}/outlook", { params }))).strategy,
    retry: false,
    staleTime: 60_000,
  });
  const choose = useMutation({
    mutationFn: (wanted: string) => get(api.PUT("/api/v1/tasks/{task}/goal", { params, body: { strategy: wanted } })),
    onMutate: (wanted) => queries.setQueryData(queryKey, wanted),
    onError: () => queries.invalidateQueries({ queryKey }),
  });
  if (!strategy.data) return null; // without vectors there is no model that could have a goal
  const goal = GOALS.find(({ value }) => value === strategy.data);
  return (
    <Group mt="sm" gap="sm">
      <SegmentedControl
        size="xs"
        aria-label={`What ${task.question} is for`}
        value={goal?.value ?? ""}
        onChange={(wanted) => choose.mutate(wanted)}
        data={GOALS.map(({ value, label }) => ({ value, label }))}
      />
      <Text size="sm" c="dimmed" style={{ flex: "1 1 14rem" }}>
        {goal?.text ?? `The next pictures are chosen by “${strategy.data}”.`}
      </Text>
    </Group>
  );
}

function useWaiting(): Record<string, number> {
  const person = useMe().data?.person.id;
  const { data } = useQuery({
    queryKey: ["outbox", person],
    queryFn: () => countWaiting(BASE, person ?? ""),
    enabled: person !== undefined,
    retry: false,
    staleTime: 0,
  });
  return data ?? {};
}
