/** The one card from which Curator is taught: from the pictures alone, or from the labels of a task. */
import {
  Alert,
  Button,
  Card,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { many } from "../app/words";
import { labelOf, SPLITS, whatIs } from "../jobs/formats";
import { useStartJob } from "../jobs/useJobs";
import { useTasks } from "../screens/Tasks";
import { HOWS, METHODS, TRUNKS } from "./choices";
import type { Encoder } from "./results";
import classes from "./train.module.css";

interface Props {
  missing: string | null; // why nothing can be trained here
  encoders: readonly Encoder[];
  chips: number; // in the project
  task: string | null; // whose labels are asked for by the address
}

export function Teach({ missing, encoders, chips, task }: Props) {
  const [from, setFrom] = useState<string>(task ? "labels" : "pictures");
  return (
    <Card withBorder component="section" aria-labelledby="teach">
      <Stack>
        <Title order={3} size="h4" id="teach">
          Teach Curator your imagery
        </Title>
        {missing ? (
          <Alert title="Training is not installed on this server">
            {missing.split(": ")[0]}. Whoever runs the server installs it with{" "}
            <code>{missing.split(": ").slice(1).join(": ")}</code>
          </Alert>
        ) : chips === 0 ? (
          <Text size="sm">There are no chips to learn from yet. Get imagery first.</Text>
        ) : (
          <>
            <SegmentedControl
              aria-label="What teaches"
              value={from}
              onChange={setFrom}
              data={[
                { value: "pictures", label: "Pictures alone" },
                { value: "labels", label: "Labels of a task" },
              ]}
              style={{ alignSelf: "flex-start" }}
            />
            {from === "pictures" ? <Pictures encoders={encoders} /> : <Labels encoders={encoders} task={task} />}
          </>
        )}
      </Stack>
    </Card>
  );
}

const choices = (of: readonly { value: string; label: string }[]) => of.map(({ value, label }) => ({ value, label }));
const modelled = (encoders: readonly Encoder[]) => encoders.filter(({ card }) => card.input_size > 0);

const Advanced = ({ children }: { children: ReactNode }) => (
  <details className={classes.advanced}>
    <summary>
      <Text span size="sm">
        Advanced
      </Text>
    </summary>
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} mt="xs">
      {children}
    </SimpleGrid>
  </details>
);

function Pictures({ encoders }: { encoders: readonly Encoder[] }) {
  const start = useStartJob(false);
  const [minutes, setMinutes] = useState<number | string>(10);
  const [method, setMethod] = useState("simclr");
  const [trunk, setTrunk] = useState("lite0");
  const [init, setInit] = useState("packaged");
  const [batch, setBatch] = useState<number | string>(128);
  const [rate, setRate] = useState<number | string>(0.0005);
  const [size, setSize] = useState<number | string>("");
  const [seed, setSeed] = useState<number | string>(0);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parameters = {
      method,
      trunk,
      init: trunk === "lite0" ? init : "random",
      minutes: Number(minutes),
      batch: Number(batch),
      rate: Number(rate),
      size: Number(size) || null,
      seed: Number(seed),
    };
    start.mutate({ kind: "train", parameters });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">
          An encoder learns from your chips, without labels, what makes them alike. A tenth of them is kept away from
          it, and tells you at the end whether it is better than what you have.
        </Text>
        <NumberInput
          label="Minutes"
          description="More chips need more; it can be stopped at any time, and goes on where it stopped."
          value={minutes}
          onChange={setMinutes}
          min={0.01}
          max={10_000}
          maw={340}
        />
        <Advanced>
          <Select
            label="Method"
            data={choices(METHODS)}
            value={method}
            onChange={(to) => to && setMethod(to)}
            description={whatIs(METHODS, method)}
            inputWrapperOrder={["label", "input", "description"]}
            allowDeselect={false}
          />
          <Select
            label="Architecture"
            data={choices(TRUNKS)}
            value={trunk}
            onChange={(to) => to && setTrunk(to)}
            description={whatIs(TRUNKS, trunk)}
            inputWrapperOrder={["label", "input", "description"]}
            allowDeselect={false}
          />
          <Select
            label="Begin with"
            data={[
              { value: "packaged", label: "What Curator ships with" },
              { value: "random", label: "Random weights" },
              ...modelled(encoders).map(({ id, card }) => ({ value: id, label: card.name })),
            ]}
            value={trunk === "lite0" ? init : "random"}
            onChange={(to) => to && setInit(to)}
            disabled={trunk !== "lite0"}
            allowDeselect={false}
          />
          <NumberInput label="Chips in a step" value={batch} onChange={setBatch} min={2} max={4096} />
          <NumberInput label="Learning rate" value={rate} onChange={setRate} min={0.000001} max={0.99} step={0.0001} />
          <NumberInput
            label="Sides it sees, pixels"
            placeholder="What suits the chips"
            value={size}
            onChange={setSize}
            min={16}
            max={512}
          />
          <NumberInput label="Seed" value={seed} onChange={setSeed} min={0} allowDecimal={false} />
        </Advanced>
        <Button
          type="submit"
          loading={start.isPending}
          disabled={!(Number(minutes) > 0)}
          style={{ alignSelf: "flex-start" }}
        >
          Start training
        </Button>
      </Stack>
    </form>
  );
}

function Labels({ encoders, task: asked }: { encoders: readonly Encoder[]; task: string | null }) {
  const start = useStartJob(false);
  const tasks = useTasks();
  const [chosen, setChosen] = useState<string | null>(asked);
  const [how, setHow] = useState("linear");
  const [encoder, setEncoder] = useState("");
  const [split, setSplit] = useState("");
  const [minutes, setMinutes] = useState<number | string>("");
  const [seed, setSeed] = useState<number | string>(0);
  const labelled = tasks.data?.tasks.filter(({ counts }) => counts.opinions > 0) ?? [];
  const task = chosen ?? labelled.at(-1)?.task.id ?? null;
  if (tasks.data && labelled.length === 0)
    return <Text size="sm">No task has answers yet. Label some chips first: each class needs four or more.</Text>;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const parameters = {
      task,
      how,
      encoder: encoder || null,
      split: split || null,
      minutes: Number(minutes) || null,
      seed: Number(seed),
    };
    start.mutate({ kind: "finetune", parameters });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">
          A classifier learns from the answers of a task. Some are kept from it, by place where chips have one, and
          measure how good it is.
        </Text>
        <Group align="flex-start" gap="md">
          <Select
            label="Labels of"
            data={labelled.map(({ task: { id, question }, counts }) => ({
              value: id,
              label: `${question} (${many(counts.opinions, "answer")})`,
            }))}
            value={task}
            onChange={setChosen}
            allowDeselect={false}
            style={{ flex: "1 1 260px" }}
          />
          <Select
            label="How"
            data={choices(HOWS)}
            value={how}
            onChange={(to) => to && setHow(to)}
            description={whatIs(HOWS, how)}
            inputWrapperOrder={["label", "input", "description"]}
            allowDeselect={false}
            style={{ flex: "1 1 260px" }}
          />
        </Group>
        <Advanced>
          <Select
            label="Begin with"
            data={[
              { value: "", label: "What searches use" },
              ...modelled(encoders).map(({ id, card }) => ({ value: id, label: card.name })),
            ]}
            value={encoder}
            onChange={(to) => setEncoder(to ?? "")}
            allowDeselect={false}
          />
          <Select
            label="Labels that measure"
            data={[
              { value: "", label: "What suits the chips" },
              ...SPLITS.filter(({ value }) => value).map(({ value }) => ({ value, label: labelOf(SPLITS, value) })),
            ]}
            value={split}
            onChange={(to) => setSplit(to ?? "")}
            allowDeselect={false}
          />
          <NumberInput
            label="Minutes, at most"
            placeholder="As long as it takes"
            value={minutes}
            onChange={setMinutes}
            min={0.01}
            max={10_000}
          />
          <NumberInput label="Seed" value={seed} onChange={setSeed} min={0} allowDecimal={false} />
        </Advanced>
        <Button type="submit" loading={start.isPending} disabled={!task} style={{ alignSelf: "flex-start" }}>
          Make a classifier
        </Button>
      </Stack>
    </form>
  );
}
