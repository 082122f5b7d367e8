/** Where and when the finds are: dots on a map, and months of a calendar. */
import { Loader, Paper, Text, Title, useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { api, get, type Schemas } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { useMay } from "../app/who";
import { many } from "../app/words";
import { classColor, colorOf } from "../widgets/classColor";
import { arc } from "../widgets/geo";
import { packColors } from "../widgets/points";
import styles from "./Where.module.css";
import { calendarOf } from "./words";

const WorldMap = lazy(() => import("../widgets/WorldMap"));
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The box around some of the places, the short way round the globe. */
function around(lon: Float32Array, lat: Float32Array, points: Uint32Array): number[] {
  const known = [...points].filter((point) => !Number.isNaN(lon[point]));
  const lats = known.map((point) => lat[point] as number);
  const [west, east] = arc(known.map((point) => lon[point] as number));
  return [west, Math.min(...lats), east, Math.max(...lats)].map((edge) => Math.round(edge * 1e4) / 1e4);
}

interface WhereProps {
  task: string;
  classes: readonly string[]; // of the task
  wanted: string;
}

export function Where({ task, classes, wanted }: WhereProps) {
  const places = useQuery({
    queryKey: ["task", task, "places", wanted],
    queryFn: () =>
      get(api.GET("/api/v1/tasks/{task}/places", { params: { path: { task }, query: { class: wanted } } })),
    staleTime: 30_000,
  });
  const curator = useMay("curator");
  return (
    <Paper withBorder p="md" component="section" aria-label="Where and when">
      <Title order={3} size="h4" mb="sm">
        Where and when
      </Title>
      {!curator && (
        <Text size="sm" c="dimmed" mb="sm">
          Your own finds: those of others are not told to who labels.
        </Text>
      )}
      {places.isPending && <Loading />}
      {places.isLoadingError && <Failed error={places.error} again={() => places.refetch()} />}
      {places.data?.places.length === 0 && <Text c="dimmed">Nothing was found yet.</Text>}
      {places.data && places.data.places.length > 0 && (
        <>
          <Dots places={places.data.places} classes={classes} wanted={wanted} />
          <Months places={places.data.places} color={classColor(classes, wanted)} />
          {places.data.total > places.data.places.length && (
            <Text size="sm" c="dimmed">
              {many(places.data.places.length, "find")} of {places.data.total.toLocaleString("en")} are shown.
            </Text>
          )}
        </>
      )}
    </Paper>
  );
}

interface DotsProps {
  places: readonly Schemas["Place"][];
  classes: readonly string[];
  wanted: string;
}

function Dots({ places, classes, wanted }: DotsProps) {
  const dark = useComputedColorScheme("light") === "dark";
  const [projection, setProjection] = useState<"4326" | "3413" | "3031">("4326");
  const [, go] = useLocation();
  const [lon, lat, colors] = useMemo(
    () => [
      Float32Array.from(places, ({ longitude }) => longitude ?? Number.NaN),
      Float32Array.from(places, ({ latitude }) => latitude ?? Number.NaN),
      new Uint32Array(places.length).fill(packColors([colorOf(classes, wanted, dark)])[0] ?? 0),
    ],
    [places, classes, wanted, dark],
  );
  if (!places.some(({ longitude }) => longitude !== null))
    return <Text c="dimmed">The finds have no known places.</Text>;
  return (
    <Suspense fallback={<Loader aria-label="Loading the map" />}>
      <div className={styles.map}>
        <WorldMap
          lon={lon}
          lat={lat}
          colors={colors}
          box={null}
          projection={projection}
          onProjection={setProjection}
          onBox={(box) => box && go(`/explore?box=${box.join(",")}`)}
          onOpen={(point) => places[point] && go(`/explore?chip=${places[point].chip}`)}
          onSelect={(points) => go(`/explore?box=${around(lon, lat, points).join(",")}`)}
        />
      </div>
    </Suspense>
  );
}

function Months({ places, color }: { places: readonly Schemas["Place"][]; color: string }) {
  const { years, counts, most } = useMemo(() => calendarOf(places.map(({ time }) => time)), [places]);
  if (years.length === 0) return null;
  return (
    <div className={styles.months}>
      <table>
        <caption>Finds by month</caption>
        <thead>
          <tr>
            <td />
            {MONTHS.map((month) => (
              <th key={month} scope="col">
                {month}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {years.map((year) => (
            <tr key={year}>
              <th scope="row">{year}</th>
              {MONTHS.map((month, at) => {
                const finds = counts.get(year)?.[at] ?? 0;
                const strength = finds ? 0.15 + (0.6 * finds) / most : 0;
                return (
                  <td
                    key={month}
                    style={{ background: `color-mix(in srgb, ${color} ${strength * 100}%, transparent)` }}
                  >
                    {finds || ""}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
