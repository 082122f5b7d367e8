/** The views of all chips at once: what is alike, where, and when. They show and change the same query and selection. */
import { Group, Select, Text, useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useMemo } from "react";
import { thumbnailOf } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { many } from "../app/words";
import { COLORS, colorAt } from "../widgets/classColor";
import { BoxExamples } from "./BoxExamples";
import { COLORINGS, type Coloring, paint, rampCss, span } from "./colors";
import classes from "./explore.module.css";
import { idsOf, type List } from "./items";
import type { LabelMap } from "./labelMap";
import { type MapData, passingQuery, WHOLE_MAP } from "./mapData";
import type { Change, Query, View } from "./query";
import type { Selection } from "./selection";

const Scatter = lazy(() => import("../widgets/Scatter"));
const WorldMap = lazy(() => import("../widgets/WorldMap"));
const Timeline = lazy(() => import("../widgets/Timeline"));

interface ViewsProps {
  query: Query;
  change: Change;
  list: List;
  selection: Selection;
  labels: LabelMap | null;
  demo: MapData | null; // instead of that of the project
  shown: readonly View[];
}

export function useViews({ demo, shown, ...props }: ViewsProps): Partial<Record<View, ReactNode>> {
  const map = useQuery({ ...WHOLE_MAP, enabled: shown.length > 0 && !demo });
  const data = demo ?? map.data;
  if (shown.length === 0) return {};
  const wrap = (view: View, content: (map: MapData) => ReactNode): ReactNode => {
    if (data)
      return (
        <Suspense key={view} fallback={<Loading />}>
          {content(data)}
        </Suspense>
      );
    if (map.isLoadingError) return <Failed key={view} error={map.error} again={() => map.refetch()} />;
    return <Loading key={view} what="Loading all chips" />;
  };
  const views: Partial<Record<View, ReactNode>> = {};
  for (const view of shown)
    views[view] = wrap(view, (data) =>
      view === "time" ? <When {...props} map={data} /> : <Clouds {...props} map={data} view={view} />,
    );
  return views;
}

type PartProps = Omit<ViewsProps, "shown" | "demo"> & { map: MapData };

function When({ query, change, list, labels, map }: PartProps) {
  // What passes the other filters: the bars say which dates would show something.
  const elsewise = useMemo(() => passingQuery(map, { ...query, dates: "" }, labels), [map, query, labels]);
  const front = useMemo(
    () =>
      list.hits
        ? Float64Array.from(list.hits, ({ time }) => (time ? Date.parse(time) : Number.NaN))
        : elsewise && map.time.filter((_, chip) => elsewise[chip]),
    [list.hits, map, elsewise],
  );
  return <Timeline times={map.time} front={front} dates={query.dates} onDates={(dates) => change({ dates })} />;
}

function Clouds({ query, change, list, selection, labels, map, view }: PartProps & { view: "likeness" | "world" }) {
  const dark = useComputedColorScheme("light") === "dark";
  const coloring = COLORINGS.find((one) => one === query.color) ?? "plain";
  const { box, dates, layers, folders, labels: said } = query;
  const pass = useMemo(
    () => passingQuery(map, { box, dates, layers, folders, labels: said }, labels),
    [map, box, dates, layers, folders, said, labels],
  );
  const hits = useMemo(() => scores(list.hits), [list.hits]);
  const { numbers: selected } = selection;
  const painted = useMemo(
    () =>
      paint(map, coloring, labels, { passing: pass, hits, selected: selected.filter((one) => one < map.chips) }, dark),
    [map, coloring, labels, pass, hits, selected, dark],
  );
  const open = async (point: number) => {
    const [chip] = await idsOf(Uint32Array.of(point));
    if (chip) change({ chip });
  };
  const select = (points: Uint32Array, how: "replace" | "add" = "replace") =>
    how === "add" ? selection.add(points) : selection.set(points);
  const legend = (
    <Legend
      map={map}
      labels={labels}
      coloring={coloring}
      searched={list.hits && (list.found?.learnt_from == null ? "alike" : "likely")}
      selected={selected.length > 0}
      dark={dark}
      onColor={(color) => change({ color }, { replace: true })}
    />
  );
  if (view === "likeness") {
    if (map.method === "none")
      return <Text c="dimmed">The chips have no vectors yet. Make them under “Encoders”, and this map appears.</Text>;
    return (
      <Scatter
        legend={legend}
        x={map.x}
        y={map.y}
        colors={painted.colors}
        passing={pass}
        front={painted.front}
        label={`Map of likeness: ${many(map.placed, "chip")}, those that look alike lie together`}
        onSelect={select}
        onOpen={open}
      />
    );
  }
  if (map.located === 0) return <Text c="dimmed">No chip here has a place, so there is no map.</Text>;
  return (
    <WorldMap
      lon={map.lon}
      lat={map.lat}
      colors={painted.colors}
      passing={pass}
      front={painted.front}
      box={query.box}
      projection={query.projection}
      onProjection={(projection) => change({ projection }, { replace: true })}
      onBox={(box) => change({ box })}
      withBox={query.box && pass && <BoxExamples map={map} pass={pass} box={query.box} change={change} />}
      onOpen={open}
      onSelect={select}
      pictures={async (points) => (await idsOf(Uint32Array.from(points))).map((chip) => thumbnailOf(chip, 64))}
    />
  );
}

/** Scores from 0 to 1 within what was found, by chip number. */
function scores(found: List["hits"]): Map<number, number> | null {
  if (!found) return null;
  const marked = new Map<number, number>();
  const values = found.map(({ score }) => score ?? 0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  for (const { number, score } of found) marked.set(number, high > low ? ((score ?? 0) - low) / (high - low) : 1);
  return marked;
}

interface LegendProps {
  map: MapData;
  labels: LabelMap | null;
  coloring: Coloring;
  searched: "alike" | "likely" | null; // what the scores of what was found say
  selected: boolean; // whether anything is
  dark: boolean;
  onColor: (color: string) => void;
}

const day = (time: number) => new Date(time).toISOString().slice(0, 10);

function Legend({ map, labels, coloring, searched, selected, dark, onColor }: LegendProps) {
  const names = { plain: [], date: [], label: labels?.task.classes ?? [], layer: map.layers, folder: map.folders }[
    coloring
  ];
  const dates = coloring === "date" ? span(map.time) : null;
  return (
    <Group gap={8}>
      <Select
        size="xs"
        w={150}
        aria-label="Colour"
        allowDeselect={false}
        value={coloring}
        onChange={(value) => onColor(value === "plain" ? "" : (value ?? ""))}
        data={[
          {
            value: "plain",
            label: searched ? (searched === "alike" ? "Colour: likeness" : "Colour: score") : "Colour: none",
          },
          ...(labels ? [{ value: "label", label: "Colour: label" }] : []),
          ...(map.layers.length ? [{ value: "layer", label: "Colour: layer" }] : []),
          ...(map.folders.length ? [{ value: "folder", label: "Colour: folder" }] : []),
          ...(map.dated ? [{ value: "date", label: "Colour: date" }] : []),
        ]}
      />
      {searched && coloring === "plain" && <Ramp dark={dark} from="less" to={`more ${searched}`} />}
      {dates && <Ramp dark={dark} from={day(dates[0])} to={day(dates[1])} />}
      {names.slice(0, COLORS).map((name, at) => (
        <Key key={name} name={name} color={colorAt(at)} />
      ))}
      {names.length > COLORS && <Text size="xs">and {names.length - COLORS} more, in the same colours again</Text>}
      {coloring === "label" && <Key name="no class" color="light-dark(rgb(110 110 110), rgb(160 160 160))" />}
      {selected && <Key name="selected" color="light-dark(rgb(20 20 20), white)" />}
    </Group>
  );
}

function Ramp({ dark, from, to }: { dark: boolean; from: string; to: string }) {
  return (
    <Text size="xs" className={classes.ramp}>
      {from} <span style={{ background: rampCss(dark) }} /> {to}
    </Text>
  );
}

function Key({ name, color }: { name: string; color: string }) {
  return (
    <Text size="xs" className={classes.key}>
      <span style={{ background: color }} />
      {name}
    </Text>
  );
}
