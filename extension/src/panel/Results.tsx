/** What was found, and what can be done with it. */
import { Button, Group, Kbd, Menu, Text } from "@mantine/core";
import { IconDownload, IconExternalLink } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type KeyboardEvent, useState } from "react";
import { Empty, Failed, Loading } from "../../../frontend/src/app/Notice";
import { count } from "../../../frontend/src/app/words";
import { filtered, type Sign, write } from "../../../frontend/src/explore/query";
import { Grid } from "../../../frontend/src/widgets/Grid";
import type { Connection } from "../connection";
import { asCsv, asGeoJson, rowsOf, save } from "./exporting";
import { fly } from "./fly";
import { type Hit, nameOf, useHits } from "./hits";
import { type Marking, useMarking } from "./marking";
import type { Mark } from "./marks";
import classes from "./panel.module.css";
import { CAPTION, ResultCard } from "./ResultCard";
import { labelOf } from "./said";
import { appAddress } from "./server";
import { type ChangeSession, EMPTY, MOST_HITS, type Session, withSample } from "./session";
import { taskOf, useTasks } from "./Tasks";

interface ResultsProps {
  session: Session;
  change: ChangeSession;
  connection: Connection;
}

const KEYS: Record<string, Mark> = { y: "yes", n: "no", u: "unsure" };
const MOST = 600;

export function Results({ session, change, connection }: ResultsProps) {
  const { query } = session;
  const answer = useHits(query);
  const { data: tasks } = useTasks();
  const task = taskOf(tasks, session.task, connection.task);
  const [active, setActive] = useState(0);
  const hits = answer.data?.hits ?? [];
  const marking = useMarking({ task, chosen: session.class, chips: hits.map(({ chip }) => chip), connection });
  const { said, marks, markNow, meaning, give } = marking;
  const flight = useMutation({ mutationFn: (chip: string) => fly(chip, session.tab) });
  const example = ({ chip, layer, time, center }: Hit, sign: Sign) =>
    change((now) =>
      withSample(now, sign, { example: { chip }, layer, time, center, way: "result", scene: null, notes: [] }),
    );

  const onKey = (event: KeyboardEvent, index: number) => {
    const hit = hits[index];
    if (!hit || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const meant = KEYS[event.key.toLowerCase()];
    if (meant && marks.includes(meant)) give(hit.chip, meant);
    else if (event.key === "+") example(hit, "like");
    else if (event.key === "-") example(hit, "unlike");
    else if (event.key === "Enter") flight.mutate(hit.chip);
    else return;
    event.preventDefault();
  };

  if (answer.error && hits.length === 0) return <Failed error={answer.error} again={() => answer.refetch()} />;
  if (answer.isPending) return <Loading what="Searching" />;
  if (hits.length === 0) return <Nothing session={session} change={change} waiting={answer.data?.waiting ?? 0} />;
  return (
    <section aria-label="Results" className={classes.results} data-stale={answer.isPlaceholderData || undefined}>
      <Group justify="space-between" className={classes.section} gap={6}>
        <Text size="sm" role="status">
          {hits.length} most alike of {count(answer.data?.searched ?? 0)}
        </Text>
        <Keys marks={marks} />
      </Group>
      <div className={classes.grid}>
        <div>
          <Grid
            total={hits.length}
            size={query.size}
            caption={CAPTION}
            label="Results, most alike first"
            active={Math.min(active, hits.length - 1)}
            onActive={setActive}
            selected={() => false}
            name={(index) => nameOf(hits[index], index, said[hits[index]?.chip ?? ""])}
            onKey={onKey}
            cell={(index, size) => {
              const hit = hits[index];
              return (
                hit && (
                  <ResultCard
                    hit={hit}
                    size={size}
                    marks={marks}
                    said={markNow(said[hit.chip])}
                    label={labelOf(said[hit.chip])}
                    meaning={meaning}
                    onMark={(one) => {
                      setActive(index);
                      give(hit.chip, one);
                    }}
                    onExample={(sign) => example(hit, sign)}
                    onFly={() => flight.mutate(hit.chip)}
                  />
                )
              );
            }}
          />
        </div>
      </div>
      <Foot session={session} change={change} hits={hits} marking={marking} />
    </section>
  );
}

function Keys({ marks }: { marks: readonly Mark[] }) {
  return (
    <Text size="xs" c="dimmed" className={classes.keys}>
      <Kbd size="xs">↵</Kbd> fly <Kbd size="xs">+</Kbd> <Kbd size="xs">−</Kbd> example{" "}
      {marks.length > 0 && (
        <>
          <Kbd size="xs">Y</Kbd> {marks.includes("no") && <Kbd size="xs">N</Kbd>} <Kbd size="xs">U</Kbd> label
        </>
      )}
    </Text>
  );
}

interface FootProps {
  session: Session;
  change: ChangeSession;
  hits: readonly Hit[];
  marking: Marking;
}

function Foot({ session, change, hits, marking: { said, marks, markNow } }: FootProps) {
  const all = Object.values(said);
  const number = (mark: Mark) => all.filter((one) => markNow(one) === mark).length;
  const { query } = session;
  const rows = () => rowsOf(hits, said);
  const more = () =>
    change((now) => ({ ...now, query: { ...now.query, most: Math.min(MOST, query.most + MOST_HITS) } }));
  return (
    <Group component="footer" gap={6} justify="space-between" className={classes.foot}>
      {marks.length > 0 && (
        <Text size="sm" role="status" title="Your labels of these results">
          ✓ {number("yes")} ✗ {number("no")} ? {number("unsure")} saved
        </Text>
      )}
      <Group gap={6}>
        {hits.length >= query.most && query.most < MOST && (
          <Button size="compact-sm" variant="subtle" onClick={more}>
            More
          </Button>
        )}
        <Menu position="top-end" shadow="md">
          <Menu.Target>
            <Button size="compact-sm" variant="default" leftSection={<IconDownload size={14} />}>
              Export
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => save("similar.csv", "text/csv", asCsv(rows()))}>CSV</Menu.Item>
            <Menu.Item onClick={() => save("similar.geojson", "application/geo+json", asGeoJson(rows()))}>
              GeoJSON
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <Button
          size="compact-sm"
          component="a"
          href={appAddress(`explore?${write({ ...query, most: EMPTY.query.most, size: 148 })}`)}
          target="_blank"
          rel="noopener"
          rightSection={<IconExternalLink size={14} />}
        >
          Open in Curator
        </Button>
      </Group>
    </Group>
  );
}

function Nothing({ session, change, waiting }: { session: Session; change: ChangeSession; waiting: number }) {
  const clear = () =>
    change((now) => ({ ...now, query: { ...now.query, box: null, dates: "", layers: [], folders: [] } }));
  if (filtered(session.query))
    return <Empty title="Nothing passes these filters" action={<Button onClick={clear}>Clear all filters</Button>} />;
  return (
    <Empty title="Nothing to find yet">
      {waiting > 0
        ? `${count(waiting)} chips have no vector yet. They can be found once Curator has embedded them.`
        : "The project has no chips. Bring some in with “Get imagery” in Curator."}
    </Empty>
  );
}
