/** A second look: where people disagree, where the model does, and the certified check. */
import "../label/review.css";
import { Alert, Button, Group, Progress, Select, Stack, Tabs, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams, useSearchParams } from "wouter";
import { api, get } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { useTitle } from "../app/Page";
import { useMay, useMe } from "../app/who";
import { many } from "../app/words";
import { type Case, Cases } from "../label/Cases";
import { isYesNo } from "../label/hotkeys";
import { NoTask } from "../label/NoTask";
import type { Task } from "../label/types";

export default function Review() {
  const { task: id = "" } = useParams();
  const [params, setParams] = useSearchParams();
  const me = useMe();
  const curates = useMay("curator");
  const found = useQuery({
    queryKey: ["task", id],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}", { params: { path: { task: id } } })),
  });
  useTitle(found.data ? `Review: ${found.data.task.question}` : null);
  if (me.data && !curates) {
    return <Alert title="Curators review">Ask an owner of the project for the role of curator.</Alert>;
  }
  if (found.isLoadingError) return <NoTask error={found.error} again={() => found.refetch()} />;
  if (!found.data || !curates) return <Loading what="Loading the task" />;
  const { task } = found.data;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h3">
          Review: {task.question}
        </Title>
        <Button component={Link} href={`/tasks/${id}/label`} variant="default">
          Label
        </Button>
      </Group>
      <Tabs
        value={params.get("show") ?? "disagreements"}
        onChange={(show) => setParams({ show: show ?? "" }, { replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="disagreements">Disagreements</Tabs.Tab>
          <Tabs.Tab value="suspects">Suspected mistakes</Tabs.Tab>
          <Tabs.Tab value="check">Certified check</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="disagreements">
          <Disagreements task={task} />
        </Tabs.Panel>
        <Tabs.Panel value="suspects">
          <Suspects task={task} />
        </Tabs.Panel>
        <Tabs.Panel value="check">
          <Check task={task} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

function Disagreements({ task }: { task: Task }) {
  const found = useQuery({
    queryKey: ["disputed", task.id],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}/disputed", { params: { path: { task: task.id } } })),
    // A list that changes under the hands would move the chip that is being decided.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const cases = found.data?.chips.map(
    ({ chip, answers }): Case => ({ chip: chip.id, facts: chip, answers: Object.values(answers), because: "" }),
  );
  const total = found.data?.total ?? 0;
  return (
    <Found error={found.error} cases={cases} task={task} again={() => found.refetch()}>
      {(task.opinions ?? 1) > 1
        ? "Where several people answered, they agree, or somebody had the last word."
        : "This task asks one person about each picture, so that hardly anybody can disagree. Two or more opinions show how sure a class is."}
      {total > (cases?.length ?? 0) && ` ${total} in all.`}
    </Found>
  );
}

function Suspects({ task }: { task: Task }) {
  const [wanted, setWanted] = useState(task.classes[0] ?? "");
  const found = useQuery({
    queryKey: ["suspects", task.id, wanted],
    queryFn: () =>
      get(api.GET("/api/v1/tasks/{task}/suspects", { params: { path: { task: task.id }, query: { class: wanted } } })),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const cases = found.data?.chips.map(
    ({ chip, answers, score }): Case => ({
      chip: chip.id,
      facts: chip,
      answers: Object.values(answers),
      because:
        score > 0
          ? `The model thinks it is ${wanted}; people say it is not.`
          : `People say it is ${wanted}; the model thinks it is not.`,
    }),
  );
  return (
    <Stack>
      {!isYesNo(task) && (
        <Select
          label="Class"
          data={task.classes}
          value={wanted}
          onChange={(name) => setWanted(name ?? wanted)}
          allowDeselect={false}
          maw={300}
        />
      )}
      <Found key={wanted} error={found.error} cases={cases} task={task} again={() => found.refetch()}>
        The model contradicts no label clearly. Each picture is judged by a model that has not seen its answer, but
        others like it: this finds slips, not views that all share. It takes 20 answers, 5 or more on each side.
      </Found>
    </Stack>
  );
}

interface FoundProps {
  error: unknown;
  cases: Case[] | undefined;
  task: Task;
  again: () => void;
  /** What to say when there is nothing. */
  children: ReactNode;
}

function Found({ error, cases, task, again, children }: FoundProps) {
  if (error && !cases) return <Failed error={error} again={again} />;
  if (!cases) return <Loading what="Comparing the answers" />;
  if (cases.length === 0) {
    return (
      <Alert title="Nothing to decide">
        {children}
        <Button mt="sm" size="xs" variant="default" onClick={again} display="block">
          Look again
        </Button>
      </Alert>
    );
  }
  return <Cases task={task} cases={cases} />;
}

function Check({ task }: { task: Task }) {
  const outlook = useQuery({
    queryKey: ["task", task.id, "outlook"],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}/outlook", { params: { path: { task: task.id } } })),
    retry: false,
  });
  if (outlook.isLoadingError) return <Failed error={outlook.error} again={() => outlook.refetch()} />;
  if (!outlook.data) return <Loading what="Counting" />;
  const { audit, price, wanted } = outlook.data;
  const looked = audit ? audit.result.answered + audit.result.unsure : 0;
  return (
    <Stack maw={640} align="start">
      <Text>
        A certified check draws random pictures among those that nobody looked at. What people say of them proves how
        much of “{wanted}” has been found, however the others were chosen.
      </Text>
      {audit ? (
        <>
          <Text fw={600}>{audit.sentence}</Text>
          <Progress w="100%" value={(100 * looked) / Math.max(1, audit.result.of)} aria-label="Progress of the check" />
          <Text size="sm">
            {looked} of {many(audit.result.of, "drawn picture")} looked at, {audit.result.hits} of them
            {` ${wanted}`}.
          </Text>
          {!audit.complete && (
            <Button component={Link} href={`/tasks/${task.id}/label`}>
              Answer the rest
            </Button>
          )}
        </>
      ) : (
        <Text>{price.sentence}</Text>
      )}
      <Button component={Link} href={`/tasks/${task.id}/insights`} variant="default">
        {audit ? "All insights" : "Begin one on Insights"}
      </Button>
    </Stack>
  );
}
