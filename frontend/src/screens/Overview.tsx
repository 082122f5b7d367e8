/** The project at a glance, and what is best done next. */
import { Anchor, Badge, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, get, type Schemas, thumbnailOf } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { spread } from "../app/spread";
import { useMe } from "../app/who";
import { count, daysBetween, many } from "../app/words";
import { JobRow } from "../jobs/JobRow";
import { NextStep } from "../jobs/NextStep";
import { nextStep } from "../jobs/next";
import { useJobs } from "../jobs/useJobs";
import { isActive, isOpen } from "../jobs/words";
import styles from "./Overview.module.css";

type Facts = Schemas["ProjectFacts"];
type Task = Schemas["TaskState"];

const STRIP = 14;

export default function Overview() {
  const project = useQuery({ queryKey: ["project"], queryFn: () => get(api.GET("/api/v1/project")) });
  const tasks = useQuery({
    queryKey: ["tasks"],
    queryFn: () => get(api.GET("/api/v1/tasks", { params: { query: {} } })),
  });
  const jobs = useJobs();
  const me = useMe();
  const failed = [project, tasks].find((query) => query.isLoadingError);
  if (failed)
    return (
      <Page title="Project">
        <Failed error={failed.error} again={() => failed.refetch()} />
      </Page>
    );
  if (!project.data || !tasks.data || !me.data) return <Loading what="Loading the project" />;

  const facts = project.data;
  const step = nextStep({
    role: me.data.person.role,
    chips: facts.chips,
    vectors: facts.vectors,
    tasks: tasks.data.tasks.map(({ task, counts }) => ({ id: task.id, question: task.question, ...counts })),
    open: jobs.data?.jobs.filter(isActive).map(({ kind }) => kind) ?? [],
  });
  const open = jobs.data?.jobs.filter(isOpen) ?? [];
  return (
    <Page title={facts.name} lead={summary(facts)}>
      <NextStep step={step} empty={facts.chips === 0} />
      {open.map((job) => (
        <JobRow key={job.id} job={job} />
      ))}
      {facts.chips > 0 && <Strip total={facts.chips} />}
      {tasks.data.tasks.length > 0 && <Tasks tasks={tasks.data.tasks} />}
      {facts.chips > 0 && <Contents facts={facts} />}
      {open.length === 0 && jobs.data && jobs.data.jobs.length > 0 && (
        <Section title="Done lately">
          {jobs.data.jobs.slice(0, 3).map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </Section>
      )}
    </Page>
  );
}

const summary = ({ chips, first, last }: Facts): string =>
  chips === 0 ? "This project is empty." : [many(chips, "chip"), daysBetween(first, last)].filter(Boolean).join(" · ");

const Section = ({ title, children }: { title: string; children: React.ReactNode }) => (
  <Stack component="section" gap="xs">
    <Title order={3} size="h4">
      {title}
    </Title>
    {children}
  </Stack>
);

function Strip({ total }: { total: number }) {
  const chips = useQuery({
    queryKey: ["chips", "strip", total],
    queryFn: () => spread(total, STRIP),
    staleTime: 60_000,
  });
  return (
    <div className={styles.strip}>
      {Array.from({ length: Math.min(STRIP, total) }, (_, at) => {
        const chip = chips.data?.[at];
        return chip ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the strip never changes its order
          <Link key={at} href="/explore" className={styles.chip} aria-label="Explore the chips" tabIndex={at ? -1 : 0}>
            <img src={thumbnailOf(chip.id)} alt="" loading="lazy" />
          </Link>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the strip never changes its order
          <div key={at} className={styles.chip} />
        );
      })}
    </div>
  );
}

function Tasks({ tasks }: { tasks: readonly Task[] }) {
  return (
    <Section title="Tasks">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {tasks.slice(0, 6).map(({ task, counts }) => (
          <Card key={task.id} withBorder>
            <Group justify="space-between" wrap="nowrap" align="flex-start">
              <Text fw={600}>{task.question}</Text>
              <Badge variant="light" tt="none" style={{ flexShrink: 0 }}>
                {many(counts.opinions, "answer")}
              </Badge>
            </Group>
            <Progress
              value={counts.slots ? (100 * counts.done) / counts.slots : 0}
              my="xs"
              aria-label={`${task.question}, progress`}
            />
            <Group justify="space-between">
              <Text size="sm" c="dimmed">
                {count(counts.done)} of {count(counts.slots)} done
              </Text>
              <Group gap="md">
                <Anchor component={Link} href={`/tasks/${task.id}/label`} size="sm">
                  Label
                </Anchor>
                <Anchor component={Link} href={`/tasks/${task.id}/insights`} size="sm">
                  Insights
                </Anchor>
              </Group>
            </Group>
          </Card>
        ))}
      </SimpleGrid>
      {tasks.length > 6 && (
        <Anchor component={Link} href="/tasks">
          All {count(tasks.length)} tasks
        </Anchor>
      )}
    </Section>
  );
}

function Contents({ facts }: { facts: Facts }) {
  const rows = (what: Record<string, number>) =>
    Object.entries(what)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 8);
  const groups = [
    ["Layers", rows(facts.layers)],
    ["Folders", rows(facts.folders)],
  ] as const;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {groups.map(
        ([title, entries]) =>
          entries.length > 0 && (
            <Section key={title} title={title}>
              {entries.map(([name, chips]) => (
                <Group key={name} justify="space-between" wrap="nowrap" gap="sm">
                  <Text truncate title={name}>
                    {name}
                  </Text>
                  <Text c="dimmed">{count(chips)}</Text>
                </Group>
              ))}
            </Section>
          ),
      )}
      <Section title="Search">
        <Text>
          {facts.encoder_name
            ? `${count(facts.vectors)} of ${many(facts.chips, "chip")} can be found with the encoder ${facts.encoder_name}.`
            : "No chip has a vector yet, so nothing can be found by example."}
        </Text>
        {facts.vectors < facts.chips && (
          <Anchor component={Link} href="/train" size="sm">
            Encoders
          </Anchor>
        )}
      </Section>
    </SimpleGrid>
  );
}
