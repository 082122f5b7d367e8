/** The tour of thirty seconds, and the list of shortcuts. */
import { Button, Group, Kbd, Modal, Stack, Stepper, Switch, Table, Text } from "@mantine/core";
import { useState } from "react";
import { setPrefs, usePrefs } from "../app/prefs";
import { isYesNo, keyOf } from "./hotkeys";
import type { Task } from "./types";

interface Props {
  task: Task;
  opened: "tour" | "keys" | null;
  onTour: () => void;
  onClose: () => void;
}

export function Help({ task, opened, onTour, onClose }: Props) {
  const tour = opened === "tour";
  return (
    <Modal
      opened={opened !== null}
      onClose={onClose}
      title={tour ? "Labelling in thirty seconds" : "Shortcuts"}
      size="lg"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {tour ? <Tour task={task} onClose={onClose} /> : <Keys task={task} onTour={onTour} />}
    </Modal>
  );
}

function Tour({ task, onClose }: { task: Task; onClose: () => void }) {
  const [at, setAt] = useState(0);
  const steps = stepsOf(task);
  const last = at === steps.length - 1;
  return (
    <Stack>
      <Stepper active={at} onStepClick={setAt} size="xs" iconSize={24} aria-label="Steps of the tour" wrap={false}>
        {steps.map(([name]) => (
          <Stepper.Step key={name} aria-label={name} />
        ))}
      </Stepper>
      <div aria-live="polite" style={{ minHeight: "7rem" }}>
        <Text fw={600}>{steps[at]?.[0]}</Text>
        <Text mt="xs">{steps[at]?.[1]}</Text>
      </div>
      <Group justify="space-between">
        <Button variant="default" onClick={onClose}>
          {last ? "Close" : "Skip the tour"}
        </Button>
        <Button data-autofocus onClick={() => (last ? onClose() : setAt(at + 1))}>
          {last ? "Start labelling" : "Next"}
        </Button>
      </Group>
    </Stack>
  );
}

function stepsOf(task: Task): [string, string][] {
  const [first = "", second = ""] = task.classes;
  const answer = isYesNo(task)
    ? `Is it ${first}? Press Y or the right arrow. Is it ${second}? Press N or the left arrow. The buttons below the picture do the same, and so does swiping the picture to the right or to the left.`
    : task.several
      ? "Press the number of each class that you see, then Enter. Nothing of it there? Just press Enter."
      : "Press the number of the class, or its button below the picture. The next picture comes at once.";
  return [
    ["Answer", answer],
    [
      "Cannot tell?",
      "Press U for unsure: that is an answer too, and a useful one. Press S to skip: somebody else is asked, and you later.",
    ],
    [
      "Made a mistake?",
      "Press Z to undo, as often as you like, also tomorrow. What you label is saved as you go: “Saved ✓” at the top says so. Without a connection it is kept in this browser and sent later.",
    ],
    [
      "Look closer",
      "X zooms, W shows what lies around, comma and dot show the same place on other days, where the project has them. Press ? to see all shortcuts, and this tour again.",
    ],
  ];
}

function Keys({ task, onTour }: Pick<Props, "task" | "onTour">) {
  const { singleKeys } = usePrefs();
  const rows: [string[], string][] = [
    ...task.classes.slice(0, 9).map((name, at): [string[], string] => {
      const arrow = isYesNo(task) ? [at === 0 ? "→" : "←"] : [];
      return [[keyOf(at, task), ...arrow, ...(isYesNo(task) ? [String(at + 1)] : [])], name];
    }),
    ...(task.several ? ([[["Enter"], "Save the classes picked"]] as [string[], string][]) : []),
    [["U", "↓"], "Unsure"],
    [["S", "↑"], "Skip: others are asked, and you later"],
    [["Z", "Backspace"], "Undo"],
    [["C"], "Write a note"],
    [["X"], "Zoom"],
    [["W"], "What lies around it"],
    [[",", "."], "The same place on an earlier or later day"],
    ...(task.several ? [] : ([[["G"], "One by one, or nine at once"]] as [string[], string][])),
    [["?"], "These shortcuts"],
  ];
  return (
    <Stack>
      <Table aria-label="Shortcuts">
        <Table.Tbody>
          {rows.map(([signs, meaning]) => (
            <Table.Tr key={meaning}>
              <Table.Td>
                {signs.map((sign) => (
                  <Kbd key={sign} mr={4}>
                    {sign}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Switch
        checked={singleKeys}
        onChange={(event) => setPrefs({ singleKeys: event.currentTarget.checked })}
        label="Answer with single keys"
        description="Turn it off if you speak to your computer, or press keys by accident. The buttons stay."
      />
      <Button variant="default" onClick={onTour}>
        See the tour again
      </Button>
    </Stack>
  );
}
