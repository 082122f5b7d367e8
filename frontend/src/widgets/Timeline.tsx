/** When the pictures were taken: a bar for each day, month or year, and two handles that choose a range. */
import { Button, Group, RangeSlider, Text } from "@mantine/core";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import classes from "./Timeline.module.css";
import { type Bins, binsOf, countIn, datesOf, nameOf, rangeOf } from "./timelineMath";

export interface TimelineProps {
  times: ArrayLike<number>; // milliseconds, UTC; NaN when unknown
  front?: ArrayLike<number> | null; // times of what was found, drawn in front
  dates: string; // the filter
  onDates: (dates: string) => void;
}

const number = new Intl.NumberFormat("en");

export function Timeline({ times, front, dates, onDates }: TimelineProps) {
  const bins = useMemo(() => binsOf(times), [times]);
  const found = useMemo(() => (bins && front ? countIn(bins.starts, front) : null), [bins, front]);
  if (!bins) return <Text c="dimmed">No chip here has a time, so there is no timeline.</Text>;
  return <Bars bins={bins} found={found} dates={dates} onDates={onDates} />;
}

type BarsProps = Pick<TimelineProps, "dates" | "onDates"> & { bins: Bins; found: number[] | null };

function Bars({ bins, found, dates, onDates }: BarsProps) {
  const [range, setRange] = useState(() => rangeOf(bins, dates));
  useEffect(() => setRange(rangeOf(bins, dates)), [bins, dates]);
  const pressed = useRef<number | null>(null);
  const count = bins.counts.length;
  const highest = Math.max(1, ...bins.counts);
  const total = (found ?? bins.counts).slice(range[0], range[1] + 1).reduce((sum, value) => sum + value, 0);
  const name = (bin: number) => nameOf(bins, Math.round(bin));

  const binAt = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count)));
  };
  const brush = (event: PointerEvent<SVGSVGElement>) => {
    if (pressed.current === null) return;
    const bin = binAt(event);
    setRange([Math.min(pressed.current, bin), Math.max(pressed.current, bin)]);
  };

  return (
    <div className={classes.frame}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" role="status">
          {name(range[0])} to {name(range[1])}: {number.format(total)} {found ? "of the chips shown" : "chips"}
          {!found && bins.unknown > 0 && ` (${number.format(bins.unknown)} have no time)`}
        </Text>
        <Button size="compact-xs" variant="subtle" disabled={!dates} onClick={() => onDates("")}>
          All dates
        </Button>
      </Group>
      <svg
        className={classes.bars}
        viewBox={`0 0 ${count} 100`}
        preserveAspectRatio="none"
        aria-hidden="true"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pressed.current = binAt(event);
          brush(event);
        }}
        onPointerMove={brush}
        onPointerUp={() => {
          if (pressed.current !== null) onDates(datesOf(bins, ...range));
          pressed.current = null;
        }}
        onPointerCancel={() => {
          pressed.current = null;
          setRange(rangeOf(bins, dates));
        }}
      >
        {bins.counts.map((value, bin) => (
          <g key={bins.starts[bin]} data-in={(bin >= range[0] && bin <= range[1]) || undefined}>
            <Bar bin={bin} value={value / highest} />
            {found && <Bar bin={bin} value={(found[bin] ?? 0) / highest} found />}
          </g>
        ))}
      </svg>
      {count > 1 && (
        <RangeSlider
          size="sm"
          thumbSize={24}
          min={0}
          max={count - 1}
          minRange={0}
          step={1}
          value={range}
          onChange={setRange}
          onChangeEnd={([first, last]) => onDates(datesOf(bins, first, last))}
          label={name}
          thumbFromLabel={`First ${bins.unit}`}
          thumbToLabel={`Last ${bins.unit}`}
          thumbProps={(index) => ({ "aria-valuetext": name(range[index]) })}
        />
      )}
    </div>
  );
}

/** Even a single chip can be seen. */
function Bar({ bin, value, found = false }: { bin: number; value: number; found?: boolean }) {
  if (value === 0) return null;
  const height = Math.max(4, value * 96);
  return <rect x={bin + 0.08} width={0.84} y={100 - height} height={height} data-found={found || undefined} />;
}

export default Timeline;
