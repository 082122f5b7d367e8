/** Two encoders side by side: the figures of their cards, and what each finds most like one chip. */
import { Button, Group, Loader, Paper, Select, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { type Schemas, thumbnailOf } from "../api/client";
import { send } from "../app/ask";
import { Failed } from "../app/Notice";
import { spread } from "../app/spread";
import { many, percent } from "../app/words";
import { describe } from "../label/words";
import { type Encoder, figuresOf } from "./results";
import classes from "./train.module.css";
import { EmbedWith } from "./UseIt";

const FOUND = 12;
const OFFERED = 12;

export function Compare({ encoders, chips }: { encoders: readonly Encoder[]; chips: number }) {
  const [asked, setAsked] = useSearchParams();
  const named = (id: string | null) => encoders.find((encoder) => encoder.id === id);
  const one = named(asked.get("one")) ?? encoders.find((encoder) => encoder.default) ?? encoders[0];
  const other = named(asked.get("other")) ?? encoders.find((encoder) => encoder !== one);
  if (!one || !other) return null;
  const choose = (name: string, to: string) =>
    setAsked((before) => ({ ...Object.fromEntries(before), [name]: to }), { replace: true });
  const select = (label: string, name: string, chosen: Encoder) => (
    <Select
      label={label}
      data={encoders.map(({ id, card }) => ({ value: id, label: card.name }))}
      value={chosen.id}
      onChange={(to) => to && choose(name, to)}
      allowDeselect={false}
    />
  );
  return (
    <Paper withBorder p="md" component="section" aria-labelledby="compare">
      <Stack>
        <Title order={3} size="h4" id="compare">
          Compare two encoders
        </Title>
        <SimpleGrid cols={2}>
          {select("One", "one", one)}
          {select("The other", "other", other)}
        </SimpleGrid>
        <Figures one={one} other={other} />
        {chips > 0 && (
          <Finds pair={[one, other]} chips={chips} chosen={asked.get("chip")} choose={(chip) => choose("chip", chip)} />
        )}
      </Stack>
    </Paper>
  );
}

function Figures({ one, other }: { one: Encoder; other: Encoder }) {
  const rows = figuresOf(one, other);
  const told = (value: number | null) => value?.toLocaleString("en") ?? "–";
  if (rows.length === 0) return <Text size="sm">Neither card has figures.</Text>;
  return (
    <details>
      <summary style={{ cursor: "pointer", minHeight: 24 }}>
        <Text span size="sm">
          Figures of their cards
        </Text>
      </summary>
      <Table.ScrollContainer
        minWidth={320}
        scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "group", "aria-label": "Figures of their cards" } }}
      >
        <Table>
          <Table.Caption>Only figures of the same name were measured on the same chips.</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Figure</Table.Th>
              <Table.Th>{one.card.name}</Table.Th>
              <Table.Th>{other.card.name}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(([name, first, second]) => (
              <Table.Tr key={name}>
                <Table.Td>{name}</Table.Td>
                <Table.Td>{told(first)}</Table.Td>
                <Table.Td>{told(second)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </details>
  );
}

interface FindsProps {
  pair: readonly [Encoder, Encoder];
  chips: number;
  chosen: string | null;
  choose: (chip: string) => void;
}

function Finds({ pair, chips, chosen, choose }: FindsProps) {
  const [shift, setShift] = useState(0);
  const offered = useQuery({
    queryKey: ["chips", "offered", chips, shift],
    queryFn: () => spread(chips, OFFERED, shift),
    placeholderData: keepPreviousData,
  });
  const chip = chosen ?? offered.data?.[0]?.id ?? null;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text size="sm">What does each find most like this chip?</Text>
        <Button size="xs" variant="default" onClick={() => setShift(Math.floor(Math.random() * chips))}>
          Other chips
        </Button>
      </Group>
      <div className={classes.picks} role="toolbar" aria-label="Chips to compare by">
        {offered.data?.map((one) => (
          <button
            key={one.id}
            type="button"
            className={classes.pick}
            aria-pressed={one.id === chip}
            aria-label={describe(one)}
            onClick={() => choose(one.id)}
          >
            <img src={thumbnailOf(one.id, 64)} alt="" />
          </button>
        ))}
      </div>
      {chip && (
        <SimpleGrid cols={2}>
          {pair.map((encoder) => (
            <Found key={encoder.id} encoder={encoder} chip={chip} chips={chips} />
          ))}
        </SimpleGrid>
      )}
    </Stack>
  );
}

function Found({ encoder, chip, chips }: { encoder: Encoder; chip: string; chips: number }) {
  const { id, card, vectors } = encoder;
  const found = useQuery({
    queryKey: ["map", "alike", id, chip, vectors],
    queryFn: ({ signal }) => {
      const body = { positives: [{ chip }], k: FOUND + 1, encoder: id };
      return send<Schemas["Found"]>("POST", "api/v1/search", body, signal);
    },
    enabled: vectors > 0,
  });
  return (
    <section aria-label={`What ${card.name} finds`}>
      <Text fw={600} mb={4} style={{ overflowWrap: "anywhere" }}>
        {card.name}
      </Text>
      {vectors < chips && (
        <Text size="sm" mb={4}>
          {vectors === 0
            ? "It has seen no chip yet."
            : `It has seen ${percent(vectors / chips)} of ${many(chips, "chip")}.`}
        </Text>
      )}
      {vectors < chips && card.input_size > 0 && <EmbedWith encoder={encoder} left={chips - vectors} />}
      {found.isFetching && !found.data && <Loader size="sm" aria-label="Searching" />}
      {found.isLoadingError && <Failed error={found.error} again={() => found.refetch()} />}
      <ul className={classes.found}>
        {found.data?.hits
          .filter((hit) => hit.chip !== chip)
          .slice(0, FOUND)
          .map((hit) => (
            <li key={hit.chip}>
              <img
                src={thumbnailOf(hit.chip, 128)}
                alt={`Chip ${hit.chip.slice(0, 8)}, likeness ${hit.score.toFixed(2)}`}
                title={`Likeness ${hit.score.toFixed(2)}`}
              />
            </li>
          ))}
      </ul>
    </section>
  );
}
