/** A plot of lines, with bands for intervals. Screen readers get the numbers as a table. Heavy: load it lazily. */
import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme, VisuallyHidden } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import uPlot from "uplot";

export interface Line {
  name: string;
  values: readonly (number | null)[];
  low?: readonly (number | null)[]; // of the band around it
  high?: readonly (number | null)[];
  color?: string;
  dash?: number[];
}

export interface ChartProps {
  label: string;
  x: readonly number[]; // seconds since 1970 when `time`
  lines: readonly Line[];
  xName: string;
  yName: string;
  time?: boolean;
  height?: number;
  format?: (value: number) => string;
}

const COLORS = ["#2f8297", "#d9480f", "#7048e8", "#2b8a3e", "#c2255c", "#e67700"];

const plain = (value: number) => Intl.NumberFormat("en", { maximumSignificantDigits: 4 }).format(value);

export function Chart({ label, x, lines, xName, yName, time = false, height = 240, format = plain }: ChartProps) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const target = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme("light") === "dark";

  useEffect(() => {
    if (!target.current || width < 40) return;
    const ink = dark ? "#c9c9c9" : "#495057";
    const grid = { stroke: dark ? "#3b3b3b" : "#e9ecef", width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, labelSize: 20, labelGap: 0 };
    const data: (readonly (number | null)[])[] = [];
    const series: uPlot.Series[] = [{ label: xName }];
    const bands: uPlot.Band[] = [];
    for (const [at, line] of lines.entries()) {
      const color = line.color ?? COLORS[at % COLORS.length] ?? "#2f8297";
      if (line.low && line.high) {
        const edge = { stroke: "transparent", points: { show: false } };
        bands.push({
          series: [series.length, series.length + 1],
          fill: `color-mix(in srgb, ${color} 20%, transparent)`,
        });
        series.push({ ...edge, label: `${line.name}, high` }, { ...edge, label: `${line.name}, low` });
        data.push(line.high, line.low);
      }
      series.push({ label: line.name, stroke: color, width: 2, ...(line.dash && { dash: line.dash }) });
      data.push(line.values);
    }
    const plot = new uPlot(
      {
        width,
        height,
        series,
        bands,
        scales: { x: { time } },
        axes: [
          { ...axis, label: xName, size: 30 },
          { ...axis, label: yName, size: 52, values: (_plot, values) => values.map(format) },
        ],
        legend: { show: lines.length > 1 },
        cursor: { drag: { x: false, y: false } },
      },
      [[...x], ...data.map((values) => [...values])] as uPlot.AlignedData,
      target.current,
    );
    return () => plot.destroy();
  }, [x, lines, xName, yName, time, height, format, width, dark]);

  return (
    <figure style={{ margin: 0 }} aria-label={label}>
      <div ref={ref} aria-hidden="true">
        <div ref={target} />
      </div>
      <VisuallyHidden>
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">{xName}</th>
              {lines.map((line) => (
                <th key={line.name} scope="col">
                  {line.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {x.map((place, row) => (
              <tr key={place}>
                <th scope="row">{time ? new Date(place * 1000).toISOString().slice(0, 10) : plain(place)}</th>
                {lines.map((line) => (
                  <td key={line.name}>{told(line, row, format)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}

function told({ values, low, high }: Line, row: number, format: (value: number) => string): string {
  const value = values[row];
  if (value === null || value === undefined) return "–";
  const [from, to] = [low?.[row], high?.[row]];
  return typeof from === "number" && typeof to === "number"
    ? `${format(value)} (${format(from)} to ${format(to)})`
    : format(value);
}

export default Chart;
