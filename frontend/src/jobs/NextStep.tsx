/** The next best action, as one clear button. */
import { Button, Card, Group, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { send } from "../app/ask";
import { useMay } from "../app/who";
import { many } from "../app/words";
import type { Step } from "./next";
import { useStartJob } from "./useJobs";
import type { Job } from "./words";

const SAID: Record<Step["kind"], readonly [title: string, why: string]> = {
  imagery: ["Begin with imagery", "Choose a place and dates from NASA's archive, or bring pictures of your own."],
  embed: [
    "Make the chips searchable",
    "Each chip becomes a vector, so that you can search by example. It runs on this server and needs no network.",
  ],
  find: ["Find what you look for", "Give one picture as an example: the chips that look like it come first."],
  label: ["Go on labelling", "The model learns from every answer and shows what helps most."],
  export: [
    "Make a dataset",
    "Every chip of the task has its answers. Divide it into train, val and test, and take it home.",
  ],
  watch: ["It is under way", "You may close this page: the server goes on. Activity, at the top, shows how far it is."],
  wait: ["Nothing to do right now", "A curator of this project prepares the next task."],
};

export function NextStep({ step, empty }: { step: Step; empty: boolean }) {
  const [title, why] = SAID[step.kind];
  return (
    <Card
      withBorder
      padding="lg"
      bg="var(--mantine-primary-color-light)"
      aria-labelledby="next-step"
      component="section"
    >
      <Group justify="space-between" gap="md">
        <div style={{ flex: "1 1 260px" }}>
          <Title order={3} size="h4" id="next-step">
            {title}
          </Title>
          {"question" in step && <Text fw={500}>{step.question}</Text>}
          {step.kind === "embed" && <Text fw={500}>{many(step.missing, "chip has", "chips have")} no vector yet.</Text>}
          <Text size="sm">{why}</Text>
        </div>
        <Group gap="sm">
          {empty && step.kind === "imagery" && <Demo />}
          <Action step={step} />
        </Group>
      </Group>
    </Card>
  );
}

function Action({ step }: { step: Step }): ReactNode {
  const start = useStartJob();
  const to = (href: string, name: string) => (
    <Button component={Link} href={href} size="md">
      {name}
    </Button>
  );
  switch (step.kind) {
    case "imagery":
      return to("/imagery", "Get imagery");
    case "embed":
      return (
        <Button size="md" loading={start.isPending} onClick={() => start.mutate({ kind: "embed", parameters: {} })}>
          Embed {many(step.missing, "chip")}
        </Button>
      );
    case "find":
      return to("/explore", "Find examples");
    case "label":
      return to(`/tasks/${step.task}/label`, "Label");
    case "export":
      return to(`/datasets?task=${step.task}`, "Make a dataset");
    default:
      return null;
  }
}

/** Something to try everything on: NASA's Blue Marble, which is installed with Curator. */
function Demo() {
  const owner = useMay("owner");
  const queries = useQueryClient();
  const demo = useMutation({
    mutationFn: () => send<Job>("POST", "api/v1/project/demo", {}),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
  if (!owner) return null;
  return (
    <Button size="md" variant="default" loading={demo.isPending} onClick={() => demo.mutate()}>
      Open the demo
    </Button>
  );
}
