/** What was found so far, as counted, with the curve of finds. */
import { Group, Loader, Paper, SimpleGrid, Text, Title, useComputedColorScheme } from "@mantine/core";
import { lazy, Suspense, useMemo } from "react";
import type { Schemas } from "../api/client";
import { count, many, percent } from "../app/words";
import { colorOf, cssOf } from "../widgets/classColor";

const Chart = lazy(() => import("../widgets/Chart"));

type Finds = Schemas["FindsSoFar"];

interface FoundProps {
  found: number; // of the class in all
  finds: Finds;
  classes: readonly string[]; // of the task
  wanted: string;
}

export function Found({ found: all, finds, classes, wanted }: FoundProps) {
  const dark = useComputedColorScheme("light") === "dark";
  const [answers, found] = useMemo(() => {
    const points = [[0, 0], ...finds.curve] as [number, number][];
    return [points.map(([done]) => done), points.map(([, hits]) => hits)];
  }, [finds.curve]);
  const color = cssOf(colorOf(classes, wanted, dark));
  const lines = useMemo(() => [{ name: `${wanted} found`, values: found, color }], [wanted, found, color]);
  return (
    <Paper withBorder p="md" component="section" aria-label="Found so far">
      <Title order={3} size="h4" mb="sm">
        Found so far
      </Title>
      <SimpleGrid cols={{ base: 2, sm: 4 }} mb="sm">
        <Figure value={count(all)} name={`of ${wanted}`} />
        <Figure value={count(finds.labels)} name="clear answers" />
        <Figure value={count(finds.unsure)} name="unsure or disputed" />
        <Figure
          value={finds.recent_share === null ? "–" : percent(finds.recent_share)}
          name={
            finds.recent_share === null
              ? "share of finds: too few answers"
              : `of the last ${count(finds.window)} were finds`
          }
        />
      </SimpleGrid>
      {all > finds.found && (
        <Text size="sm" c="dimmed" mb="sm">
          {many(all - finds.found, "find is", "finds are")} no part of the search, and not in the curve: a check drew{" "}
          {all - finds.found === 1 ? "it, or it was" : "them, or they were"} imported.
        </Text>
      )}
      {finds.labels === 0 ? (
        <Text c="dimmed">The curve begins with the first answer.</Text>
      ) : (
        <Suspense fallback={<Loader aria-label="Loading the chart" />}>
          <Chart
            label={`${many(finds.found, "find")} in ${many(finds.labels, "answer")}`}
            x={answers}
            lines={lines}
            xName="answers"
            yName="finds"
            height={260}
          />
          <Text size="sm" c="dimmed">
            While it climbs, there is more to find. When it lies flat, the finds run out.
          </Text>
        </Suspense>
      )}
    </Paper>
  );
}

const Figure = ({ value, name }: { value: string; name: string }) => (
  <div>
    <Text fz={26} fw={650} lh={1.1}>
      {value}
    </Text>
    <Group gap={4}>
      <Text size="sm" c="dimmed">
        {name}
      </Text>
    </Group>
  </div>
);
