/** How well the model tells the class from the rest, by how many answers it learnt from. */
import { Loader, Paper, Text, Title, useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { api, get, type Schemas } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { percent } from "../app/words";
import { colorOf, cssOf } from "../widgets/classColor";

const Chart = lazy(() => import("../widgets/Chart"));
const FRESH_MS = 60_000; // it takes seconds to make, and changes little with each answer

interface LearningProps {
  task: string;
  classes: readonly string[]; // of the task
  wanted: string;
}

export function Learning({ task, classes, wanted }: LearningProps) {
  const curve = useQuery({
    queryKey: ["learning curve", task, wanted],
    queryFn: () =>
      get(api.GET("/api/v1/tasks/{task}/learning-curve", { params: { path: { task }, query: { class: wanted } } })),
    staleTime: FRESH_MS,
  });
  return (
    <Paper withBorder p="md" component="section" aria-label="What the model has learnt">
      <Title order={3} size="h4" mb="sm">
        What the model has learnt
      </Title>
      {curve.isPending && <Loading what="Drawing the learning curve" />}
      {curve.isLoadingError && <Failed error={curve.error} again={() => curve.refetch()} />}
      {curve.data?.reason && <Text c="dimmed">{curve.data.reason}</Text>}
      {curve.data && !curve.data.reason && <Curve points={curve.data.points} classes={classes} wanted={wanted} />}
    </Paper>
  );
}

interface CurveProps {
  points: readonly Schemas["LearningPoint"][];
  classes: readonly string[];
  wanted: string;
}

function Curve({ points, classes, wanted }: CurveProps) {
  const dark = useComputedColorScheme("light") === "dark";
  const color = cssOf(colorOf(classes, wanted, dark));
  const answers = useMemo(() => points.map((point) => point.answers), [points]);
  const lines = useMemo(
    () => [
      {
        name: "balanced accuracy",
        values: points.map(({ value }) => value),
        low: points.map(({ low }) => low),
        high: points.map(({ high }) => high),
        color,
      },
    ],
    [points, color],
  );
  const last = points.at(-1);
  if (!last) return null;
  return (
    <Suspense fallback={<Loader aria-label="Loading the chart" />}>
      <Text fw={500} mb="xs">
        It tells {wanted} from the rest with {percent(last.value)} balanced accuracy (95%: {percent(last.low)} to{" "}
        {percent(last.high)}).
      </Text>
      <Chart
        label={`Balanced accuracy of the model for ${wanted} by the answers it learnt from`}
        x={answers}
        lines={lines}
        xName="answers it learnt from"
        yName="balanced accuracy"
        height={220}
        format={percent}
      />
      <Text size="sm" c="dimmed">
        Chance is 50%. Each point is about the chips with an answer, asked of models that had not seen them. While it
        climbs, more answers teach it more. It says nothing of how many are left.
      </Text>
    </Suspense>
  );
}
