/** May one stop? What is advised, why, and how that advice did elsewhere. */
import { Button, Collapse, Group, Paper, Text, ThemeIcon, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconArrowRight, IconCheck } from "@tabler/icons-react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useMay } from "../app/who";
import { many, percent } from "../app/words";

export function Advice({ task, advice }: { task: string; advice: Schemas["Advice"] }) {
  const [open, { toggle }] = useDisclosure();
  const labels = useMay("annotator");
  return (
    <Paper withBorder p="md" component="section" aria-label="May I stop?">
      <Title order={3} size="h4" mb="sm">
        May I stop?
      </Title>
      <Group wrap="nowrap" align="flex-start" gap="sm">
        <ThemeIcon variant="light" color={advice.stop ? "green" : "sea"} radius="xl" aria-hidden>
          {advice.stop ? <IconCheck size={18} /> : <IconArrowRight size={18} />}
        </ThemeIcon>
        <Text fw={500}>{advice.sentence}</Text>
      </Group>
      <Group mt="sm" gap="xs">
        {labels && (
          <Button component={Link} href={`/tasks/${task}/label`} size="xs" variant={advice.stop ? "default" : "filled"}>
            Label
          </Button>
        )}
        <Button component={Link} href={`/datasets?task=${task}`} size="xs" variant={advice.stop ? "filled" : "default"}>
          Make a dataset
        </Button>
        <Button size="xs" variant="subtle" onClick={toggle} aria-expanded={open}>
          Why?
        </Button>
      </Group>
      <Collapse expanded={open}>
        <Text size="sm" mt="sm">
          {advice.why}
        </Text>
        {advice.measured && (
          <Text size="sm" mt="xs">
            In {many(advice.measured.searches, "simulated search", "simulated searches")}, this rule had found{" "}
            {percent(advice.measured.median)} in the median when it said stop, and at least{" "}
            {percent(advice.measured.low)} in 19 of 20; {percent(advice.measured.several_kinds_low)} where the class had
            several kinds, and {percent(advice.measured.errors_low)} where one answer in twenty was wrong.
          </Text>
        )}
      </Collapse>
    </Paper>
  );
}
