/** The grid of results, or of all chips when nothing is searched for. */
import { Alert, Button, Center, Loader, Stack, Text } from "@mantine/core";
import { type KeyboardEvent, type MouseEvent, useCallback, useRef, useState } from "react";
import { classColor } from "../widgets/classColor";
import { Grid } from "../widgets/Grid";
import { CAPTION, Card, nameOf } from "./Card";
import type { List } from "./items";
import { type LabelMap, saidOf } from "./labelMap";
import { type Change, filtered, type Query, type Sign, withExample } from "./query";
import type { Selection } from "./selection";

interface ResultsProps {
  query: Query;
  change: Change;
  list: List;
  selection: Selection;
  labels: LabelMap | null;
}

export function Results({ query, change, list, selection, labels }: ResultsProps) {
  const [active, setActive] = useState(0);
  const anchor = useRef(0);

  const select = async (index: number, range: boolean) => {
    const item = list.at(index);
    if (range) {
      const [first, last] = [Math.min(anchor.current, index), Math.max(anchor.current, index)];
      selection.add(await list.numbers(first, last + 1));
    } else if (item) {
      selection.toggle(item.number);
      anchor.current = index;
    }
  };
  const open = (index: number) => {
    const item = list.at(index);
    if (item) change({ chip: item.id });
  };
  const example = (chip: string, sign: Sign) => change((now) => withExample(now, sign, { chip }));

  // The cards are many and memorised: what they call stays the same, and looks up what is current.
  const latest = useRef({ select, open, example });
  latest.current = { select, open, example };
  const onSelect = useCallback((index: number, event: MouseEvent) => {
    setActive(index);
    void latest.current.select(index, event.shiftKey);
  }, []);
  const onOpen = useCallback((index: number, event: MouseEvent) => {
    setActive(index);
    if (event.shiftKey || event.ctrlKey || event.metaKey) void latest.current.select(index, event.shiftKey);
    else latest.current.open(index);
  }, []);
  const onExample = useCallback((chip: string, sign: Sign) => latest.current.example(chip, sign), []);

  const onKey = (event: KeyboardEvent, index: number) => {
    const item = list.at(index);
    const command = event.ctrlKey || event.metaKey;
    if (event.key.startsWith("Arrow") && event.shiftKey) return void select(index, true);
    if (event.key === " ") void select(index, event.shiftKey);
    else if (event.key === "Enter") open(index);
    else if (event.key === "+" && item) example(item.id, "like");
    else if (event.key === "-" && item) example(item.id, "unlike");
    else if (event.key === "Escape") selection.clear();
    else if (event.key === "a" && command) void list.numbers(0, list.total).then(selection.set);
    else return;
    event.preventDefault();
  };

  const selected = (index: number) => selection.has(list.at(index)?.number ?? -1);
  const said = (index: number) => saidOf(labels, list.at(index)?.number ?? -1);

  if (list.error && list.total === 0) return <Trouble error={list.error} retry={list.retry} />;
  if (list.loading)
    return (
      <Center h="100%" mih={200}>
        <Loader aria-label={query.like.length ? "Searching" : "Loading"} />
      </Center>
    );
  if (list.total === 0) return <Nothing query={query} change={change} />;
  return (
    <Grid
      total={list.total}
      size={query.size}
      caption={CAPTION}
      label={query.like.length ? "Results, most alike first" : "All chips"}
      multiselectable
      active={Math.min(active, list.total - 1)}
      onActive={setActive}
      selected={selected}
      name={(index) => nameOf(list.at(index), said(index), index)}
      onKey={onKey}
      onRange={list.look}
      cell={(index, side) => {
        const answer = said(index);
        return (
          <Card
            item={list.at(index)}
            index={index}
            size={side}
            selected={selected(index)}
            said={answer}
            color={answer?.name && labels ? classColor(labels.task.classes, answer.name) : undefined}
            onOpen={onOpen}
            onSelect={onSelect}
            onExample={onExample}
          />
        );
      }}
    />
  );
}

function Trouble({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <Alert color="red" title={error.message} m="sm">
      <Stack align="flex-start" gap="xs">
        {"hint" in error && <Text size="sm">{String(error.hint)}</Text>}
        <Button size="compact-sm" onClick={retry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  );
}

function Nothing({ query, change }: { query: Query; change: Change }) {
  const narrowed = filtered(query);
  return (
    <Center h="100%" mih={200}>
      <Stack align="center" gap="xs" maw={420} ta="center">
        <Text fw={600}>{narrowed ? "No chip passes these filters." : "There are no chips here yet."}</Text>
        {narrowed ? (
          <Button variant="light" onClick={() => change({ dates: "", layers: [], folders: [], box: null })}>
            Clear all filters
          </Button>
        ) : (
          <Text c="dimmed">
            {query.like.length
              ? "Chips can be found once they have vectors. See “Encoders”."
              : "Bring pictures in with “Get imagery”; they appear here as they arrive."}
          </Text>
        )}
      </Stack>
    </Center>
  );
}
