/** All about one chip: its picture, its facts, the same place at other times, and what to do with it. */
import { Anchor, Button, Drawer, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconCheck, IconMinus, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, get, pictureOf, type Schemas, thumbnailOf } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import classes from "./explore.module.css";
import { centerOf, placeName } from "./items";
import { type Change, type Sign, withExample } from "./query";
import type { Selection } from "./selection";

type Chip = Schemas["Chip"];

interface ChipDrawerProps {
  chip: string | null;
  change: Change;
  selection: Selection;
}

export function ChipDrawer({ chip, change, selection }: ChipDrawerProps) {
  const facts = useQuery({
    queryKey: ["chip", chip],
    queryFn: async ({ signal }) => {
      const found = await get(api.POST("/api/v1/chips/query", { body: { ids: [chip ?? ""] }, signal }));
      const [facts, number] = [found.chips[0], found.numbers[0]];
      if (!facts || number === undefined) throw new Error("This chip is not in the project.");
      return { facts, number };
    },
    enabled: chip !== null,
    staleTime: Number.POSITIVE_INFINITY, // a chip never changes
  });
  return (
    <Drawer
      opened={chip !== null}
      onClose={() => change({ chip: null })}
      position="right"
      size="md"
      title="Chip"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {facts.isLoadingError && <Failed error={facts.error} again={() => facts.refetch()} />}
      {facts.isPending && chip !== null && <Loading what="Loading the chip" />}
      {facts.data && <Facts chip={facts.data.facts} number={facts.data.number} change={change} selection={selection} />}
    </Drawer>
  );
}

interface FactsProps {
  chip: Chip;
  number: number; // in the project
  change: Change;
  selection: Selection;
}

function Facts({ chip, number, change, selection }: FactsProps) {
  const example = (sign: Sign) => change((now) => ({ ...withExample(now, sign, { chip: chip.id }), chip: null }));
  const selected = selection.has(number);
  return (
    <Stack gap="md">
      <img className={classes.large} src={pictureOf(chip.id)} alt={`Chip ${chip.id.slice(0, 8)}`} />
      <Group gap="xs">
        <Button size="compact-md" leftSection={<IconPlus size={16} />} onClick={() => example("like")}>
          More like this
        </Button>
        <Button
          size="compact-md"
          variant="light"
          leftSection={<IconMinus size={16} />}
          onClick={() => example("unlike")}
        >
          Less like this
        </Button>
        <Button
          size="compact-md"
          variant={selected ? "filled" : "default"}
          leftSection={<IconCheck size={16} />}
          aria-pressed={selected}
          onClick={() => selection.toggle(number)}
        >
          {selected ? "Selected" : "Select"}
        </Button>
      </Group>
      <Table layout="fixed" withRowBorders={false} verticalSpacing={3}>
        <Table.Tbody>
          {rowsOf(chip).map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" w="34%">
                {name}
              </Table.Th>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Anchor href={pictureOf(chip.id)} download>
        Download the picture as it was received
      </Anchor>
      {chip.box && <SamePlace chip={chip} box={chip.box} change={change} />}
    </Stack>
  );
}

export function rowsOf(chip: Chip): [name: string, value: string][] {
  const center = chip.box && centerOf(chip.box);
  const rows: [string, string | null | undefined][] = [
    ["Taken", chip.time && `${chip.time.slice(0, 16).replace("T", " ")} UTC`],
    ["Layer", chip.layer],
    ["Folder", chip.folder],
    ["Centre", center && placeName(center)],
    ["Size", `${chip.width} × ${chip.height} pixels`],
    ["With data", chip.valid !== undefined && chip.valid < 1 ? `${Math.round(chip.valid * 100)}%` : null],
    ["Clouds", typeof chip.clouds === "number" ? `${Math.round(chip.clouds * 100)}%` : null],
    ["Map", chip.crs],
    ["Tile", chip.tile],
    ["From", chip.origin],
    ["Id", chip.id],
  ];
  return rows.filter((row): row is [string, string] => Boolean(row[1]));
}

/** A box around the centre, a tenth as wide as the chip: whatever has its centre in it shows the same place. */
export function around(box: Schemas["Box"]): string {
  const [lon, lat] = centerOf(box);
  const wide = (box.west > box.east ? box.east + 360 - box.west : box.east - box.west) / 20;
  const high = (box.north - box.south) / 20;
  const wrapped = (value: number) => (value > 180 ? value - 360 : value < -180 ? value + 360 : value);
  const [south, north] = [Math.max(-90, lat - high), Math.min(90, lat + high)];
  return [wrapped(lon - wide), south, wrapped(lon + wide), north].join(",");
}

function SamePlace({ chip, box, change }: { chip: Chip; box: Schemas["Box"]; change: Change }) {
  const bbox = around(box);
  const others = useQuery({
    queryKey: ["chips", "place", bbox],
    queryFn: ({ signal }) => get(api.GET("/api/v1/chips", { params: { query: { bbox, limit: 200 } }, signal })),
  });
  const shown = (others.data?.chips ?? [])
    .filter((other) => other.id !== chip.id)
    .sort((one, other) => (one.time ?? "").localeCompare(other.time ?? ""));
  return (
    <section aria-label="The same place at other times">
      <Title order={3} size="h5" mb={6}>
        The same place at other times
      </Title>
      {others.isSuccess && shown.length === 0 && <Text c="dimmed">There is no other chip of this place.</Text>}
      <div className={classes.others}>
        {shown.map((other) => (
          <button key={other.id} type="button" onClick={() => change({ chip: other.id })}>
            <img src={thumbnailOf(other.id, 128)} alt="" width={96} height={96} loading="lazy" />
            <span>{other.time?.slice(0, 10) ?? "no date"}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
