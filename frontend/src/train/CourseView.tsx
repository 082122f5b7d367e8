/** How a training goes: figures, small curves, an alarm where it needs one, and what some chips are near now. */
import { Alert, Loader, SimpleGrid, Slider, Stack, Text, Title } from "@mantine/core";
import { lazy, Suspense, useMemo, useState } from "react";
import { thumbnailOf } from "../api/client";
import { count, percent } from "../app/words";
import { type Course, curvesOf, type Sheet, share } from "./results";
import classes from "./train.module.css";

const Chart = lazy(() => import("../widgets/Chart"));

export function CourseView({ course }: { course: Course }) {
  const curves = useMemo(() => curvesOf(course), [course]);
  const loss = useMemo(() => [{ name: "loss", values: curves.loss }], [curves]);
  const quality = useMemo(
    () => [
      { name: "view retrieval", values: curves.retrieval },
      ...(curves.knn ? [{ name: "20-NN", values: curves.knn }] : []),
    ],
    [curves],
  );
  const now = course.points.at(-1);
  if (!now) return <Text size="sm">The pictures are being read. The first measurement comes in a moment.</Text>;
  return (
    <Stack gap="md">
      {curves.latest?.collapsed && (
        <Alert color="red" variant="light" title="The method has collapsed">
          It gives nearly the same vector to all chips, or vectors that differ in few directions only: either is worth
          nothing. Stop it, and choose another method or a lower learning rate under Advanced.
        </Alert>
      )}
      <SimpleGrid cols={{ base: 2, sm: 4 }}>
        <Figure value={now.loss.toPrecision(3)} name="loss" />
        {curves.latest && <Figure value={share(curves.latest.retrieval)} name="view retrieval" />}
        {curves.latest && curves.latest.knn !== null && <Figure value={share(curves.latest.knn)} name="20-NN" />}
        <Figure value={count(Math.round(now.pictures_per_second))} name="pictures a second" />
      </SimpleGrid>
      {course.points.length > 1 && (
        <Suspense fallback={<Loader aria-label="Loading the charts" />}>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Chart
              label="Quality on chips that do not teach"
              x={curves.measured}
              lines={quality}
              xName="minutes"
              yName="share right"
              height={190}
              format={percent}
            />
            <Chart label="Loss" x={curves.minutes} lines={loss} xName="minutes" yName="loss" height={190} />
          </SimpleGrid>
        </Suspense>
      )}
      <Text size="sm" c="dimmed">
        View retrieval: how often a changed copy of a chip finds its twin among all others.
        {curves.knn && " 20-NN: how often the 20 chips most alike have the same class."} Higher is better; chips that
        are measured do not teach.
      </Text>
      <Neighbours sheets={course.neighbours} />
    </Stack>
  );
}

const Figure = ({ value, name }: { value: string; name: string }) => (
  <div>
    <Text fz={22} fw={650} lh={1.2}>
      {value}
    </Text>
    <Text size="sm" c="dimmed">
      {name}
    </Text>
  </div>
);

/** The latest sheet, until somebody goes back to an earlier one. */
function Neighbours({ sheets }: { sheets: readonly Sheet[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const last = sheets.length - 1;
  const at = Math.min(chosen ?? last, last);
  const sheet = sheets[at];
  if (!sheet || sheet.rows.length === 0) return null;
  const when = at === 0 ? "at the beginning" : `after ${percent(sheet.fraction)}`;
  return (
    <section aria-label="Neighbours">
      <Title order={4} size="h5">
        What it takes for alike, {when}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        The first of each row is always the same chip; those after it are most like it at that moment.
      </Text>
      {last > 0 && (
        <Slider
          value={at}
          onChange={(to) => setChosen(to === last ? null : to)}
          min={0}
          max={last}
          label={(to) => percent(sheets[to]?.fraction ?? 0)}
          thumbLabel="Moment of the training"
          maw={480}
          mb="sm"
        />
      )}
      <Stack gap={4}>
        {sheet.rows.map(([query = "", ...found]) => (
          <ul key={query} className={classes.neighbours}>
            {[query, ...found].map((chip, place) => (
              <li key={chip}>
                <img
                  src={thumbnailOf(chip, 64)}
                  alt={place === 0 ? `Chip ${chip.slice(0, 8)}` : `Alike: ${chip.slice(0, 8)}`}
                />
              </li>
            ))}
          </ul>
        ))}
      </Stack>
    </section>
  );
}
