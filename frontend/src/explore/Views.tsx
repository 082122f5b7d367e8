/** The views of all chips at once: what is alike, where, and when. They show and change the same query and selection. */
import { Alert, Group, Loader, Select, Text, useComputedColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useMemo } from "react";
import { thumbnailOf } from "../api/client";
import { CATEGORIES, type Coloring, cssOf, paint, rampCss } from "./colors";
import classes from "./explore.module.css";
import { idsOf, type List } from "./items";
import { instants, type MapData, passing, useMapData } from "./mapData";
import { knownNumber, learn, useNumbers } from "./numbers";
import { type Change, filtered, type Query, type View } from "./query";
import { MOST_SELECTED, type Selection } from "./selection";

const Scatter = lazy(() => import("../widgets/Scatter"));
const WorldMap = lazy(() => import("../widgets/WorldMap"));
const Timeline = lazy(() => import("../widgets/Timeline"));

interface ViewsProps {
  query: Query;
  change: Change;
  list: List;
  selection: Selection;
  shown: readonly View[];
}

export function useViews({ query, change, list, selection, shown }: ViewsProps): Partial<Record<View, ReactNode>> {
  const map = useMapData(shown.length > 0);
  const numbers = useNumbers(map.data, shown.length > 0 && (list.hits !== null || selection.ids.size > 0));
  if (shown.length === 0) return {};
  const wrap = (view: View, content: (map: MapData) => ReactNode): ReactNode => {
    if (map.error) return <Alert color="red" title={map.error.message} />;
    if (!map.data) return <Loader m="md" aria-label="Loading" />;
    return (
      <Suspense key={view} fallback={<Loader m="md" aria-label="Loading" />}>
        {content(map.data)}
      </Suspense>
    );
  };
  const props = { query, change, list, selection, numbers };
  const views: Partial<Record<View, ReactNode>> = {};
  for (const view of shown)
    views[view] = wrap(view, (data) =>
      view === "time" ? <When {...props} map={data} /> : <Clouds {...props} map={data} view={view} />,
    );
  return views;
}

type PartProps = Omit<ViewsProps, "shown"> & { map: MapData; numbers: ReadonlyMap<string, number> | null };

function When({ query, change, list, map }: PartProps) {
  // What passes the other filters: the bars say which dates would show something.
  const elsewise = useMemo(
    () => passing(map, { ...query, start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }),
    [map, query],
  );
  const front = useMemo(
    () =>
      list.hits
        ? Float64Array.from(list.hits, ({ time }) => (time ? Date.parse(time) : Number.NaN))
        : filtered({ ...query, dates: "" })
          ? map.time.filter((_, chip) => elsewise[chip])
          : null,
    [list.hits, query, map, elsewise],
  );
  return <Timeline times={map.time} front={front} dates={query.dates} onDates={(dates) => change({ dates })} />;
}

function Clouds({ query, change, list, selection, map, numbers, view }: PartProps & { view: "likeness" | "world" }) {
  const queries = useQueryClient();
  const dark = useComputedColorScheme("light") === "dark";
  const coloring = coloringOf(query.color);
  const { box, dates, layers, folders } = query;
  const pass = useMemo(() => {
    if (!filtered({ ...query, box, dates, layers, folders })) return null;
    const [start, end] = instants(dates);
    return passing(map, { box, start, end, layers, folders });
  }, [map, query, box, dates, layers, folders]);
  const hits = useMemo(() => scores(list.hits, numbers), [list.hits, numbers]);
  const selected = useMemo(
    () => [...selection.ids].flatMap((id) => numbers?.get(id) ?? knownNumber(id) ?? []),
    [selection.ids, numbers],
  );
  const painted = useMemo(
    () => paint(map, coloring, { passing: pass, hits, selected }, dark),
    [map, coloring, pass, hits, selected, dark],
  );
  const open = async (point: number) => {
    const [chip] = await idsOf(queries, [point]);
    if (chip) change({ chip });
  };
  const select = async (points: Uint32Array, how: "replace" | "add" = "replace") => {
    const chosen = points.subarray(0, MOST_SELECTED);
    const ids = await idsOf(queries, chosen);
    learn(ids, chosen);
    if (how === "add") selection.add(ids);
    else selection.set(ids);
  };
  if (view === "likeness") {
    if (map.method === "none")
      return <Text c="dimmed">The chips have no vectors yet. Make them under “Encoders”, and this map appears.</Text>;
    return (
      <Scatter
        legend={
          <Legend map={map} coloring={coloring} searched={list.hits !== null} onColor={(color) => change({ color })} />
        }
        x={map.x}
        y={map.y}
        colors={painted.colors}
        passing={pass}
        front={painted.front}
        label={`Map of likeness: ${map.placed.toLocaleString()} chips, those that look alike lie together`}
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
      onOpen={open}
      onSelect={select}
      pictures={async (points) => (await idsOf(queries, points)).map((chip) => thumbnailOf(chip, 64))}
    />
  );
}

const coloringOf = (color: string): Coloring => (color === "layer" || color === "folder" ? color : "plain");

/** Scores from 0 to 1 within what was found, by chip number. */
function scores(found: List["hits"], numbers: ReadonlyMap<string, number> | null): Map<number, number> | null {
  if (!found) return null;
  const marked = new Map<number, number>();
  const values = found.map(({ score }) => score ?? 0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  for (const hit of found) {
    const number = hit.number ?? numbers?.get(hit.id);
    if (number !== undefined) marked.set(number, high > low ? ((hit.score ?? 0) - low) / (high - low) : 1);
  }
  return marked;
}

interface LegendProps {
  map: MapData;
  coloring: Coloring;
  searched: boolean;
  onColor: (color: string) => void;
}

function Legend({ map, coloring, searched, onColor }: LegendProps) {
  const names = coloring === "plain" ? [] : coloring === "layer" ? map.layers : map.folders;
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
          { value: "plain", label: searched ? "Colour: likeness" : "Colour: none" },
          ...(map.layers.length ? [{ value: "layer", label: "Colour: layer" }] : []),
          ...(map.folders.length ? [{ value: "folder", label: "Colour: folder" }] : []),
        ]}
      />
      {searched && coloring === "plain" && (
        <Text size="xs" className={classes.ramp}>
          less <span style={{ background: rampCss }} /> more alike
        </Text>
      )}
      {names.slice(0, CATEGORIES.length).map((name, at) => (
        <Text key={name} size="xs" className={classes.key}>
          <span style={{ background: cssOf(CATEGORIES[at] ?? [0, 0, 0]) }} />
          {name}
        </Text>
      ))}
      {names.length > CATEGORIES.length && <Text size="xs">and {names.length - CATEGORIES.length} more</Text>}
    </Group>
  );
}
