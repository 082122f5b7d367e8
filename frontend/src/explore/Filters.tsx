/** Which chips may be shown at all, and how results are thinned out. */
import {
  Button,
  Group,
  Input,
  MultiSelect,
  NumberInput,
  SimpleGrid,
  Slider,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useState } from "react";
import type { Schemas } from "../api/client";
import { useMe } from "../app/who";
import { count as inWords } from "../app/words";
import classes from "./explore.module.css";
import type { Task } from "./labelMap";
import { type Box, type Change, filtered, NO_FILTERS, type Query, readBox, type Scores, scored } from "./query";

interface FiltersProps {
  query: Query;
  change: Change;
  project: Schemas["ProjectFacts"] | undefined;
  task: Task | null; // whose labels are shown
  ranked: "alike" | "likely" | null; // by what, if by anything
}

const choices = (counts: Record<string, number>) =>
  Object.entries(counts).map(([value, count]) => ({ value, label: `${value} (${inWords(count)})` }));

export function Filters({ query, change, project, task, ranked }: FiltersProps) {
  const layers = choices(project?.layers ?? {});
  const folders = choices(project?.folders ?? {});
  return (
    <Stack gap="sm" className={classes.filters}>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }} spacing="sm">
        <Dates dates={query.dates} onDates={(dates) => change({ dates })} />
        {layers.length > 0 && (
          <MultiSelect
            label="Layers"
            placeholder={query.layers.length ? "" : "All"}
            data={layers}
            value={[...query.layers]}
            onChange={(layers) => change({ layers })}
            searchable
            clearable
          />
        )}
        {folders.length > 0 && (
          <MultiSelect
            label="Folders"
            placeholder={query.folders.length ? "" : "All"}
            data={folders}
            value={[...query.folders]}
            onChange={(folders) => change({ folders })}
            searchable
            clearable
          />
        )}
        {project?.box && <Place box={query.box} onBox={(box) => change({ box })} />}
        {task && <Labels task={task} labels={query.labels} onLabels={(labels) => change({ labels })} />}
        {ranked && <ScoreRange scores={query.scores} by={ranked} onScores={(scores) => change({ scores })} />}
        {ranked && <Thinning query={query} change={change} by={ranked} />}
      </SimpleGrid>
      {(filtered(query) || scored(query)) && (
        <Group>
          <Button size="compact-sm" variant="subtle" onClick={() => change(NO_FILTERS)}>
            Clear all filters
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** By what was said in the task; who labels, and must not be swayed, by their own answers. */
function Labels({
  task,
  labels,
  onLabels,
}: {
  task: Task;
  labels: readonly string[];
  onLabels: (it: string[]) => void;
}) {
  const blind = useMe().data?.person.role === "annotator";
  const words = [
    { value: "waiting", label: blind ? "Not yet by me" : "Not yet" },
    { value: "unsure", label: "Unsure" },
    ...(blind ? [] : [{ value: "disputed", label: "Disputed" }]),
    ...(task.several ? [{ value: "none", label: "None of them" }] : []),
  ].filter(({ value }) => !task.classes.includes(value));
  return (
    <MultiSelect
      label={blind ? "What I said" : "Labelled"}
      placeholder={labels.length ? "" : "Any or none"}
      data={[...task.classes.map((name) => ({ value: name, label: name })), ...words]}
      value={labels.filter((name) => [...task.classes, ...words.map(({ value }) => value)].includes(name))}
      onChange={onLabels}
      clearable
    />
  );
}

function ScoreRange({
  scores,
  by,
  onScores,
}: {
  scores: Scores;
  by: "alike" | "likely";
  onScores: (it: Scores) => void;
}) {
  const later = useDebouncedCallback(onScores, 400);
  const [edges, setEdges] = useState<Scores>(scores);
  useEffect(() => setEdges(scores), [scores]);
  const wrong = edges[0] !== null && edges[1] !== null && edges[0] > edges[1];
  const set = (at: 0 | 1, value: number | string) => {
    const edge = typeof value === "number" ? value : null;
    const next: Scores = at === 0 ? [edge, edges[1]] : [edges[0], edge];
    setEdges(next);
    if (next[0] === null || next[1] === null || next[0] <= next[1]) later(next);
  };
  return (
    <Input.Wrapper
      labelElement="div"
      label={by === "alike" ? "Likeness" : "Score (above 0: likely)"}
      error={wrong && "The lower one comes first."}
    >
      <Group gap={6} wrap="nowrap">
        {([0, 1] as const).map((at) => (
          <NumberInput
            key={at}
            aria-label={at === 0 ? "Lowest score" : "Highest score"}
            placeholder={at === 0 ? "From" : "To"}
            step={by === "alike" ? 0.05 : 0.5}
            decimalScale={3}
            value={edges[at] ?? ""}
            onChange={(value) => set(at, value)}
          />
        ))}
      </Group>
    </Input.Wrapper>
  );
}

const DATES = /^\d{4}(-\d\d){0,2}(\/\d{4}(-\d\d){0,2})?$/;

function Dates({ dates, onDates }: { dates: string; onDates: (dates: string) => void }) {
  const [text, setText] = useState(dates);
  useEffect(() => setText(dates), [dates]);
  const wrong = text !== "" && !DATES.test(text);
  const commit = () => !wrong && text !== dates && onDates(text);
  return (
    <TextInput
      label="Dates"
      placeholder="2020-08 or 2020-08-16/2020-08-22"
      value={text}
      error={wrong && "Write a year, month or day, or two of them with / between."}
      onChange={(event) => setText(event.currentTarget.value.trim())}
      onBlur={commit}
      onKeyDown={(event) => event.key === "Enter" && commit()}
    />
  );
}

/** The box in numbers, for those who cannot or need not draw it on the map. */
function Place({ box, onBox }: { box: Box | null; onBox: (box: Box | null) => void }) {
  const written = box?.join(", ") ?? "";
  const [text, setText] = useState(written);
  useEffect(() => setText(written), [written]);
  const read = readBox(text);
  const wrong = text.trim() !== "" && read === null;
  const commit = () => {
    if (!wrong && text !== written) onBox(read);
  };
  return (
    <TextInput
      label="Place"
      placeholder="West, south, east, north"
      value={text}
      error={wrong && "Write four numbers in degrees: west, south, east, north."}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === "Enter" && commit()}
    />
  );
}

function Thinning({ query, change, by }: { query: Query; change: Change; by: "alike" | "likely" }) {
  const later = useDebouncedCallback((part: Partial<Query>) => change(part, { replace: true }), 250);
  const [diversity, setDiversity] = useState(query.diversity);
  const [alike, setAlike] = useState(query.collapse ?? 1);
  useEffect(() => setDiversity(query.diversity), [query.diversity]);
  useEffect(() => setAlike(query.collapse ?? 1), [query.collapse]);
  return (
    <>
      <div>
        <Text size="sm" fw={500}>
          Variety{diversity > 0 && `: ${Math.round(diversity * 100)}%`}
        </Text>
        <Slider
          mt="sm"
          thumbSize={24}
          thumbLabel="Variety"
          min={0}
          max={1}
          step={0.05}
          value={diversity}
          label={(value) => (value === 0 ? `Only how ${by} counts` : `${Math.round(value * 100)}%`)}
          onChange={(value) => {
            setDiversity(value);
            later({ diversity: value });
          }}
        />
      </div>
      <div>
        <Text size="sm" fw={500}>
          Hide near-duplicates{alike < 1 && `: ${Math.round(alike * 1000) / 10}% alike or more`}
        </Text>
        <Slider
          mt="sm"
          thumbSize={24}
          thumbLabel="Hide near-duplicates"
          min={0}
          max={20}
          step={0.5}
          value={(1 - alike) * 100}
          label={(value) => (value === 0 ? "Show all" : `Hide what is ${100 - value}% alike or more`)}
          onChange={(value) => {
            setAlike(1 - value / 100);
            later({ collapse: value === 0 ? null : 1 - value / 100 });
          }}
        />
      </div>
      <NumberInput
        label="Most results"
        min={10}
        max={10_000}
        step={500}
        clampBehavior="blur"
        value={query.most}
        onChange={(value) => typeof value === "number" && value >= 10 && later({ most: value })}
      />
    </>
  );
}
