/** What is being trained now, and what came of the training that one looks at. */
import { Badge, Button, Group, Paper, Progress, Select, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Failed, Loading } from "../app/Notice";
import { useMay } from "../app/who";
import { momentOf, percent, sentence } from "../app/words";
import { useJob, useJobChange, useJobs, useStartJob } from "../jobs/useJobs";
import { beginsAnew, isOpen, type Job, nameOf, shareOf, standing } from "../jobs/words";
import { ClassifierReport } from "./ClassifierReport";
import { CourseView } from "./CourseView";
import { type Encoder, type FinetuneResult, isTraining, type TrainResult } from "./results";
import { Verdict } from "./Verdict";

const LOOKED_AT = 100; // of the newest jobs

export function Trainings({ encoders, chips }: { encoders: readonly Encoder[]; chips: number }) {
  const jobs = useJobs(LOOKED_AT).data?.jobs.filter(isTraining) ?? [];
  const [chosen, setChosen] = useState<string | null>(null);
  const ended = jobs.filter((job) => !isOpen(job));
  const shown = ended.find(({ id }) => id === chosen) ?? ended[0];
  return (
    <>
      {jobs.filter(isOpen).map((job) => (
        <Running key={job.id} id={job.id} />
      ))}
      {shown && (
        <Ended id={shown.id} encoders={encoders} chips={chips}>
          {ended.length > 1 && (
            <Select
              aria-label="Which training"
              size="xs"
              data={ended.map((job) => ({
                value: job.id,
                label: `${nameOf(job.kind)}, ${momentOf(job.finished ?? job.created)}`,
              }))}
              value={shown.id}
              onChange={setChosen}
              allowDeselect={false}
              w={320}
            />
          )}
        </Ended>
      )}
    </>
  );
}

function Running({ id }: { id: string }) {
  const { data: job, error } = useJob(id);
  const change = useJobChange();
  const curator = useMay("curator");
  if (error) return <Failed error={error} />;
  if (!job) return <Loading what="Loading the training" />;
  const done = shareOf(job);
  const { course } = (job.result ?? {}) as TrainResult;
  const paused = job.state === "paused";
  const asked =
    change.isSuccess && job.state === "running" && change.variables.to !== "resume" ? change.variables.to : null;
  return (
    <Paper withBorder p="md" component="section" aria-label={`Now: ${nameOf(job.kind)}`}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={3} size="h4">
            {nameOf(job.kind)}
          </Title>
          {curator && (
            <Group gap="xs">
              <Button
                size="xs"
                variant={paused ? "filled" : "subtle"}
                disabled={change.isPending || asked !== null}
                onClick={() => change.mutate({ job: job.id, to: paused ? "resume" : "pause" })}
              >
                {paused ? "Go on" : "Pause"}
              </Button>
              <Button
                size="xs"
                variant="default"
                disabled={change.isPending || asked === "cancel"}
                onClick={() => change.mutate({ job: job.id, to: "cancel" })}
              >
                {job.state === "running" ? "Stop and keep the best" : "Cancel"}
              </Button>
            </Group>
          )}
        </Group>
        <Progress value={100 * (done ?? 0)} aria-label={`${nameOf(job.kind)}, progress`} />
        <Text size="sm" aria-live="polite">
          {asked === "cancel" && "It stops after this step. What is best so far is measured and kept."}
          {asked === "pause" &&
            `It stops after this step, and ${beginsAnew(job) ? "begins anew when it goes on" : "can go on from there"}.`}
          {asked === null && sentence(standing(job, Date.now()))}
          {asked === null && !paused && " You may close this page: the server goes on."}
        </Text>
        {course && <CourseView course={course} />}
      </Stack>
    </Paper>
  );
}

const SAID = { done: "done", cancelled: "stopped", failed: "failed", waiting: "", running: "", paused: "" } as const;

interface EndedProps {
  id: string;
  encoders: readonly Encoder[];
  chips: number;
  children: React.ReactNode; // the choice of another
}

function Ended({ id, encoders, chips, children }: EndedProps) {
  const { data: job, error, refetch } = useJob(id);
  if (error) return <Failed error={error} again={() => refetch()} />;
  if (!job) return <Loading what="Loading the report" />;
  const encoder = encoders.find((one) => one.id === job.result?.encoder);
  return (
    <Paper withBorder p="md" component="section" aria-label={`Report: ${nameOf(job.kind)}`}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Group gap="xs">
            <Title order={3} size="h4">
              {nameOf(job.kind)}
            </Title>
            <Badge variant="light" color={job.state === "failed" ? "red" : "gray"} tt="none">
              {SAID[job.state ?? "done"]}
            </Badge>
          </Group>
          {children}
        </Group>
        <Outcome job={job} {...(encoder && { encoder })} chips={chips} />
        <Again job={job} />
      </Stack>
    </Paper>
  );
}

function Outcome({ job, encoder, chips }: { job: Job; encoder?: Encoder; chips: number }) {
  if (job.state === "failed")
    return (
      <Text size="sm" c="red">
        {sentence(job.error || "It failed")} {job.hint && sentence(job.hint)}
      </Text>
    );
  if (job.kind === "finetune")
    return job.result && "metrics" in job.result ? (
      <ClassifierReport result={job.result as unknown as FinetuneResult} {...(encoder && { encoder })} chips={chips} />
    ) : (
      <Text size="sm">It was called off. Nothing was changed.</Text>
    );
  const result = (job.result ?? {}) as TrainResult;
  return (
    <>
      {result.verdict ? (
        <Verdict result={result} {...(encoder && { encoder })} chips={chips} />
      ) : (
        <Text size="sm">It was called off before it had learned anything.</Text>
      )}
      {result.course && (
        <details>
          <summary style={{ cursor: "pointer", minHeight: 24 }}>
            <Text span size="sm">
              How it went, up to {percent(result.course.points.at(-1)?.fraction ?? 0)}
            </Text>
          </summary>
          <CourseView course={result.course} />
        </details>
      )}
    </>
  );
}

function Again({ job }: { job: Job }) {
  const start = useStartJob(false);
  const curator = useMay("curator");
  if (!curator || job.state === "done") return null;
  return (
    <Button
      size="xs"
      variant="default"
      style={{ alignSelf: "flex-start" }}
      loading={start.isPending}
      onClick={() => start.mutate({ kind: job.kind, parameters: job.parameters ?? {} })}
    >
      {job.state === "failed" ? "Try again" : beginsAnew(job) ? "Begin anew" : "Go on with it"}
    </Button>
  );
}
