/** Choose layers: search the catalogue, see what each has and whether it has the chosen days. */
import { Alert, Badge, Checkbox, Group, Loader, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, get, type Schemas } from "../api/client";
import { Failed } from "../app/Notice";
import { dayOf, many } from "../app/words";
import styles from "./LayerPicker.module.css";
import { type Crs, coverage, covers } from "./order";

type Layer = Schemas["LayerFacts"];

interface Props {
  chosen: readonly string[];
  choose: (layers: string[], fresh?: Layer) => void;
  crs: Crs;
  from: string;
  to: string;
}

const FIRST_WORDS = "corrected reflectance"; // pictures as the eye would see them

export function LayerPicker({ chosen, choose, crs, from, to }: Props) {
  const [typed, setTyped] = useState("");
  const [words] = useDebouncedValue(typed, 200);
  const found = useQuery({
    queryKey: ["layers", words, crs],
    queryFn: () =>
      get(api.GET("/api/v1/layers", { params: { query: { words: words.trim() || FIRST_WORDS, crs, limit: 40 } } })),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const toggle = (layer: Layer) =>
    chosen.includes(layer.id) ? choose(chosen.filter((id) => id !== layer.id)) : choose([...chosen, layer.id], layer);
  const listed = found.data?.layers ?? [];
  const unlisted = chosen.filter((id) => !listed.some((layer) => layer.id === id));
  return (
    <Stack gap="xs">
      <TextInput
        label="Search the layers"
        placeholder="fires, snow, true color, chlorophyll …"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        rightSection={found.isFetching && <Loader size={14} aria-hidden />}
      />
      {unlisted.map((id) => (
        <Checkbox
          key={id}
          checked
          label={id}
          styles={{ label: BREAKING }}
          onChange={() => choose(chosen.filter((other) => other !== id))}
        />
      ))}
      {found.isLoadingError && <Failed error={found.error} again={() => found.refetch()} />}
      {found.data && (
        <>
          <Text size="sm" c="dimmed" role="status">
            {found.data.total === 0
              ? "No layer in this projection is called that."
              : typed.trim()
                ? many(found.data.total, "layer")
                : "Layers as the eye would see the Earth. Search for others."}
          </Text>
          <ScrollArea.Autosize mah={320} type="auto" viewportProps={{ tabIndex: -1 }}>
            <ul className={styles.list}>
              {listed.map((layer) => (
                <li key={layer.id} className={styles.layer}>
                  <Checkbox
                    checked={chosen.includes(layer.id)}
                    disabled={!isPicture(layer) && !chosen.includes(layer.id)}
                    onChange={() => toggle(layer)}
                    label={<Name layer={layer} />}
                    description={<Facts layer={layer} from={from} to={to} />}
                  />
                </li>
              ))}
            </ul>
          </ScrollArea.Autosize>
          <Text size="xs" c="dimmed">
            {found.data.source.split(",")[0]}, catalogue of {dayOf(found.data.catalogue)}
          </Text>
        </>
      )}
      {chosen.length > 1 && (
        <Alert variant="light">Each layer makes chips of its own, on the grid of the finest of them.</Alert>
      )}
    </Stack>
  );
}

/** Identifiers of layers are long, and have no spaces. */
const BREAKING = { overflowWrap: "anywhere" } as const;

/** Some layers are points and lines, which cannot be cut into chips. */
const isPicture = ({ format }: Layer) => format.startsWith("image/");

const Name = ({ layer }: { layer: Layer }) => (
  <Group gap={6} component="span">
    <span>{layer.title}</span>
    {layer.values && (
      <Badge size="xs" variant="light" tt="none" component="span">
        measured values
      </Badge>
    )}
  </Group>
);

function Facts({ layer, from, to }: { layer: Layer; from: string; to: string }) {
  const { subtitle, period, metres_per_pixel: metres, first, last, ongoing } = layer;
  const days = first && last ? `${first} – ${ongoing ? "today" : last}` : "no dates";
  const place = coverage(first, last, from, to);
  const has = covers(first, last, ongoing, from, to);
  return (
    <>
      {[subtitle, period, `${metres} m a pixel`, days].filter(Boolean).join(" · ")}
      {place && (
        <span className={styles.bar} aria-hidden>
          <span style={{ left: `${place[0] * 100}%`, width: `max(3px, ${(place[1] - place[0]) * 100}%)` }} />
        </span>
      )}
      {!isPicture(layer) && <span className={styles.none}>Points and lines, not pictures</span>}
      {!has && <span className={styles.none}>Nothing on these days</span>}
    </>
  );
}
