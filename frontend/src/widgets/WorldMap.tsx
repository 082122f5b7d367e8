/** Where the pictures are: a plain map of degrees, and one for each pole. No imagery is fetched from elsewhere. */
import "ol/ol.css";
import { Button, Group, SegmentedControl, Text } from "@mantine/core";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Edges } from "./geo";
import classes from "./WorldMap.module.css";
import { WorldView } from "./worldView";

export interface WorldMapProps {
  lon: Float32Array; // NaN where unknown
  lat: Float32Array;
  colors: Uint32Array;
  passing?: Uint8Array | null; // 1: can be counted and selected; null: all
  front?: ArrayLike<number>;
  box: Edges | null;
  projection: "4326" | "3413" | "3031";
  onProjection: (projection: "4326" | "3413" | "3031") => void;
  onBox: (box: Edges | null) => void;
  withBox?: ReactNode; // what can be done with the box
  onOpen: (point: number) => void;
  onSelect: (points: Uint32Array) => void;
  pictures?: (points: readonly number[]) => Promise<readonly (string | undefined)[]>; // shown when one is close
}

const number = new Intl.NumberFormat("en");

export function WorldMap(props: WorldMapProps) {
  const { lon, lat, colors, passing = null, front, box, projection } = props;
  const target = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<WorldView | null>(null);
  const [drawing, setDrawing] = useState(false);
  const [seen, setSeen] = useState<Uint32Array>(() => new Uint32Array());
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    if (!target.current) return;
    const made = new WorldView(target.current, projection, {
      onBox: (drawn) => {
        setDrawing(false);
        latest.current.onBox(drawn);
      },
      onOpen: (point) => latest.current.onOpen(point),
      onSeen: setSeen,
      pictures: (points) => latest.current.pictures?.(points) ?? Promise.resolve([]),
    });
    setView(made);
    return () => made.end();
  }, [projection]);

  useEffect(() => view?.setPoints(lon, lat), [view, lon, lat]);
  useEffect(() => view?.setColors(colors, front ?? null, passing), [view, colors, front, passing]);
  useEffect(() => view?.setBox(box), [view, box]);
  useEffect(() => view?.draw(drawing), [view, drawing]);

  const placed = useMemo(() => lon.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0), [lon]);
  return (
    <div className={classes.frame}>
      <Group gap={6}>
        <SegmentedControl
          size="xs"
          value={projection}
          onChange={(value) => props.onProjection(value as WorldMapProps["projection"])}
          aria-label="Map"
          data={[
            { value: "4326", label: "World" },
            { value: "3413", label: "Arctic" },
            { value: "3031", label: "Antarctic" },
          ]}
        />
        <Button
          size="compact-xs"
          variant={drawing ? "filled" : "light"}
          aria-pressed={drawing}
          onClick={() => setDrawing(!drawing)}
        >
          {drawing ? "Drag a box on the map" : "Draw a box"}
        </Button>
        <Button size="compact-xs" variant="light" onClick={() => view && props.onBox(view.boxInView())}>
          Only what is in view
        </Button>
        {box && (
          <Button size="compact-xs" variant="subtle" onClick={() => props.onBox(null)}>
            Clear the box
          </Button>
        )}
        <Button size="compact-xs" variant="light" disabled={!seen.length} onClick={() => props.onSelect(seen)}>
          Select the {number.format(seen.length)} in view
        </Button>
      </Group>
      {box && props.withBox}
      <div
        ref={target}
        className={classes.map}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the map
        tabIndex={0}
        role="application"
        aria-label="Map of the chips. Arrow keys move, plus and minus zoom."
        data-drawing={drawing || undefined}
      />
      <Text size="xs" c="dimmed" role="status">
        {placed === 0
          ? "No chip here has a place."
          : `${number.format(seen.length)} of ${number.format(placed)} chips with a place in view`}
      </Text>
    </div>
  );
}

export default WorldMap;
