/** Make a dataset of a task: format, whose answer counts, and how it is divided. */
import { Button, Card, Group, NumberInput, Select, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { many } from "../app/words";
import { FORMATS, POLICIES, SPLITS, sharesOf, whatIs } from "./formats";
import { useStartJob } from "./useJobs";

interface Props {
  tasks: readonly Schemas["TaskState"][];
  folders: boolean;
  task: string;
  choose: (task: string) => void;
}

const choices = (of: readonly { value: string; label: string }[]) => of.map(({ value, label }) => ({ value, label }));

export function ExportForm({ tasks, folders, task, choose }: Props) {
  const [format, setFormat] = useState<string>("imagefolder");
  const [policy, setPolicy] = useState<string>("majority");
  const [split, setSplit] = useState<string>("place");
  const [percents, setPercents] = useState({ train: 70, val: 15, test: 15 });
  const [seed, setSeed] = useState<number | string>(0);
  const [blocks, setBlocks] = useState<number | string>("");
  const start = useStartJob();
  const shares = sharesOf(percents);
  const wrong = split && typeof shares === "string" ? shares : null;
  const options = [
    ...tasks.map(({ task: { id, question }, counts }) => ({
      value: id,
      label: `${question} (${many(counts.opinions, "answer")})`,
    })),
    ...(folders ? [{ value: "folders", label: "The folders that the chips were imported with" }] : []),
  ];
  const select = (
    label: string,
    of: typeof FORMATS | typeof POLICIES | typeof SPLITS,
    value: string,
    set: (to: string) => void,
  ) => (
    <Select
      label={label}
      data={choices(of)}
      value={value}
      onChange={(to) => to !== null && set(to)}
      allowDeselect={false}
      inputWrapperOrder={["label", "input", "description", "error"]}
      description={whatIs(of, value)}
    />
  );
  return (
    <Card withBorder>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong) return;
          const divided = split && typeof shares !== "string" ? { split, shares, seed: Number(seed) || 0 } : {};
          const sized = split === "place" && Number(blocks) > 0 ? { block_km: Number(blocks) } : {};
          start.mutate({ kind: "export", parameters: { task, format, policy, ...divided, ...sized } });
        }}
      >
        <Stack>
          <Title order={3} size="h4">
            New dataset
          </Title>
          <Select
            label="Labels of"
            data={options}
            value={task}
            onChange={(to) => to !== null && choose(to)}
            allowDeselect={false}
          />
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            {select("Format", FORMATS, format, setFormat)}
            {select("Whose answer counts", POLICIES, policy, setPolicy)}
            {select("Divide into train, val and test", SPLITS, split, setSplit)}
          </SimpleGrid>
          {split && (
            <Group align="flex-end" gap="sm">
              {(["train", "val", "test"] as const).map((part) => (
                <NumberInput
                  key={part}
                  label={`${part}, %`}
                  value={percents[part]}
                  onChange={(to) => setPercents({ ...percents, [part]: Number(to) })}
                  min={0}
                  max={100}
                  w={96}
                />
              ))}
              <NumberInput label="Seed" value={seed} onChange={setSeed} min={0} allowDecimal={false} w={110} />
              {split === "place" && (
                <NumberInput
                  label="Blocks, km"
                  placeholder="4 chips wide"
                  value={blocks}
                  onChange={setBlocks}
                  min={1}
                  max={20_000}
                  w={130}
                />
              )}
              <Text size="sm" c="dimmed">
                The same seed divides in the same way.
                {split === "place" &&
                  " Chips of one block stay together. Where chips touch all over, those at the borders of train, val " +
                    "and test are left out; larger blocks lose fewer."}
              </Text>
            </Group>
          )}
          {wrong && (
            <Text c="red" size="sm" role="alert">
              {wrong}
            </Text>
          )}
          <Button
            type="submit"
            loading={start.isPending}
            disabled={!!wrong || !task}
            style={{ alignSelf: "flex-start" }}
          >
            Make the dataset
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
