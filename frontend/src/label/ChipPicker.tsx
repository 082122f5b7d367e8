/** Choose some chips of the project as references of a class. */
import "./pick.css";
import { Button, Group, Loader, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, get, thumbnailOf } from "../api/client";
import { describe } from "./words";

const PAGE = 24;
const MOST = 12;

interface Props {
  name: string;
  picked: readonly string[];
  onPick: (picked: string[]) => void;
}

export function ChipPicker({ name, picked, onPick }: Props) {
  const [opened, setOpened] = useState(false);
  const toggle = (chip: string) =>
    onPick(picked.includes(chip) ? picked.filter((one) => one !== chip) : [...picked, chip].slice(-MOST));
  return (
    <div>
      <Group gap="xs">
        <Button size="xs" variant="default" aria-expanded={opened} onClick={() => setOpened(!opened)}>
          {opened ? "Done" : "Choose"}
          <span className="label-hidden"> for {name}</span>
        </Button>
        <Text size="sm">{name}</Text>
        {picked.map((chip) => (
          <button
            key={chip}
            type="button"
            className="label-pick"
            aria-label={`Take out of ${name}`}
            onClick={() => toggle(chip)}
          >
            <img src={thumbnailOf(chip, 64)} alt="" />
          </button>
        ))}
      </Group>
      {opened && <Pages name={name} picked={picked} onToggle={toggle} />}
    </div>
  );
}

function Pages({
  name,
  picked,
  onToggle,
}: {
  name: string;
  picked: readonly string[];
  onToggle: (chip: string) => void;
}) {
  const [start, setStart] = useState(0);
  const { data } = useQuery({
    queryKey: ["pick", start],
    queryFn: () => get(api.GET("/api/v1/chips", { params: { query: { start, limit: PAGE } } })),
    placeholderData: keepPreviousData,
  });
  if (!data) return <Loader size="sm" aria-label="Loading pictures" />;
  return (
    <>
      <div className="label-picks" role="toolbar" aria-label={`Pictures to choose for ${name}`}>
        {data.chips.map((chip) => (
          <button
            key={chip.id}
            type="button"
            className="label-pick"
            aria-pressed={picked.includes(chip.id)}
            aria-label={describe(chip)}
            onClick={() => onToggle(chip.id)}
          >
            <img src={thumbnailOf(chip.id, 128)} alt="" loading="lazy" />
          </button>
        ))}
      </div>
      <Group gap="xs" mt={4}>
        <Button size="xs" variant="default" disabled={start === 0} onClick={() => setStart(Math.max(0, start - PAGE))}>
          Before
        </Button>
        <Text size="xs">
          {start + 1}–{Math.min(start + PAGE, data.total)} of {data.total.toLocaleString("en")}
        </Text>
        <Button size="xs" variant="default" disabled={data.next === null} onClick={() => setStart(data.next ?? 0)}>
          Next
        </Button>
        <Button
          size="xs"
          variant="default"
          onClick={() => setStart(Math.floor(Math.random() * Math.max(1, data.total - PAGE)))}
        >
          Anywhere
        </Button>
      </Group>
    </>
  );
}
