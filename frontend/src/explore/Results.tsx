/** The grid of results, or of all chips when nothing is searched for. */
import { Button, Center, Stack, Text } from "@mantine/core";
import { IconArrowUp } from "@tabler/icons-react";
import { type KeyboardEvent, type MouseEvent, useCallback, useRef, useState } from "react";
import { Link } from "wouter";
import { Failed, Loading } from "../app/Notice";
import { useMay } from "../app/who";
import { count as inWords } from "../app/words";
import { classColor } from "../widgets/classColor";
import { Grid } from "../widgets/Grid";
import { CAPTION, Card, nameOf } from "./Card";
import classes from "./explore.module.css";
import type { List } from "./items";
import { type LabelMap, saidOf } from "./labelMap";
import { type Change, filtered, NO_FILTERS, type Query, type Sign, scored, withExample } from "./query";
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
  const frame = useRef<HTMLDivElement>(null);
  const searching = list.hits !== null;
  const renew = () => {
    list.news?.show();
    const grid = frame.current?.querySelector<HTMLElement>("[role=grid]");
    if (searching) {
      setActive(0);
      grid?.scrollTo({ top: 0 });
    }
    grid?.focus({ preventScroll: true }); // the button goes
  };

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

  if (list.error && list.total === 0) return <Failed error={list.error} again={list.retry} />;
  if (list.loading) return <Loading what={searching ? "Searching" : "Loading the chips"} />;
  if (list.total === 0) return <Nothing query={query} change={change} searching={searching} />;
  const order = list.found?.learnt_from == null ? "most alike first" : "likeliest first";
  return (
    <div ref={frame} className={classes.results}>
      {list.news && <News count={list.news.count} ranked={searching} onShow={renew} />}
      <Grid
        total={list.total}
        size={query.size}
        caption={CAPTION}
        label={searching ? `Results, ${order}` : "All chips"}
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
    </div>
  );
}

/** What is seen stays; this is how the newest order, or list, comes without scrolling. */
function News({ count, ranked, onShow }: { count: number; ranked: boolean; onShow: () => void }) {
  return (
    <Button
      className={classes.news}
      size="compact-sm"
      radius="xl"
      leftSection={ranked && <IconArrowUp size={15} aria-hidden="true" />}
      onClick={onShow}
    >
      {count > 0 ? `${inWords(count)} new at the top` : ranked ? "Show the new order" : "Show the new list"}
    </Button>
  );
}

function Nothing({ query, change, searching }: { query: Query; change: Change; searching: boolean }) {
  const curator = useMay("curator");
  const narrowed = filtered(query) || (searching && scored(query));
  return (
    <Center h="100%" mih={200}>
      <Stack align="center" gap="xs" maw={420} ta="center">
        <Text fw={600}>{narrowed ? "No chip passes these filters." : "There are no chips here yet."}</Text>
        {narrowed ? (
          <Button variant="light" onClick={() => change(NO_FILTERS)}>
            Clear all filters
          </Button>
        ) : (
          <Text c="dimmed">
            {searching
              ? "Chips can be found once they have vectors."
              : "Bring pictures in: they appear here as they arrive."}
          </Text>
        )}
        {!narrowed && curator && (
          <Button component={Link} href={searching ? "/train" : "/imagery"} variant="light">
            {searching ? "Encoders" : "Get imagery"}
          </Button>
        )}
      </Stack>
    </Center>
  );
}
