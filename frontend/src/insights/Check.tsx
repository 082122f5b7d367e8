/** The certified check: what it costs, begin it, and what its answers prove. */
import { Button, Group, NumberInput, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, get, type Schemas } from "../api/client";
import { useMay } from "../app/who";
import { count, many, percent } from "../app/words";

interface Props {
  task: string;
  outlook: Schemas["SearchOutlook"];
}

export function Check({ task, outlook: { audit, left, price, wanted } }: Props) {
  const going = audit !== null && !audit.complete;
  return (
    <Paper withBorder p="md" component="section" aria-label="Certified check">
      <Stack gap="sm">
        <Title order={3} size="h4">
          Certified check
        </Title>
        <Text size="sm" c="dimmed">
          Answers chosen by the model cannot tell how much was missed. A check draws chips at random, and its answers
          prove a figure.
        </Text>
        {left && (
          <div>
            <Text fw={500}>
              Before a check: {count(left.low)} to {count(left.high)} of {wanted} may be left
            </Text>
            <Text size="sm">{left.sentence}</Text>
          </div>
        )}
        {audit && <Proof task={task} audit={audit} wanted={wanted} />}
        {!going && <Begin task={task} wanted={wanted} price={price} again={audit !== null} />}
      </Stack>
    </Paper>
  );
}

function Proof({ task, audit, wanted }: { task: string; audit: Schemas["Check"]; wanted: string }) {
  const { result, complete, sentence } = audit;
  const looked = result.answered + result.unsure;
  return (
    <Stack gap="xs">
      <Text fw={500}>{sentence}</Text>
      {!complete && (
        <>
          <Progress value={(100 * looked) / result.of} aria-label="Answers of the check" />
          <Group justify="space-between">
            <Text size="sm">
              {count(looked)} of {many(result.of, "chip")} looked at
            </Text>
            <Button component={Link} href={`/tasks/${task}/label`} size="xs">
              Answer the check
            </Button>
          </Group>
        </>
      )}
      {result.recall_low != null && (
        <Text size="sm" c="dimmed">
          At least {percent(result.recall_low)} of {wanted} were found, with {percent(result.confidence)} confidence
          {result.total && `: there are ${count(result.total[0])} to ${count(result.total[1])} in all`}.
        </Text>
      )}
    </Stack>
  );
}

function Begin({
  task,
  wanted,
  price,
  again,
}: {
  task: string;
  wanted: string;
  price: Schemas["Price"];
  again: boolean;
}) {
  const queries = useQueryClient();
  const curator = useMay("curator");
  const [chips, setChips] = useState<number | string | null>(null);
  const number = Number(chips ?? price.labels ?? 0);
  const begin = useMutation({
    mutationFn: () =>
      get(
        api.POST("/api/v1/tasks/{task}/audits", { params: { path: { task } }, body: { class: wanted, chips: number } }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["task", task] }),
  });
  return (
    <Stack gap="xs">
      <Text size="sm">{price.sentence}</Text>
      {curator && price.labels !== null && (
        <Group align="flex-end" gap="sm">
          <NumberInput
            label="Chips to draw"
            value={chips ?? price.labels}
            onChange={setChips}
            min={1}
            max={100_000}
            w={140}
          />
          <Button variant="default" disabled={!(number > 0)} loading={begin.isPending} onClick={() => begin.mutate()}>
            {again ? "Begin another check" : "Begin the check"}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
