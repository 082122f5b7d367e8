/** Nine pictures that are probably of one class: pick those that are not, and confirm the rest with Enter. */
import { Button, Group, Kbd, Text } from "@mantine/core";
import { thumbnailOf } from "../api/client";
import { isYesNo } from "./hotkeys";
import type { Card, Task } from "./types";
import { describe } from "./words";

export const NINE = 9;

interface Props {
  task: Task;
  cards: readonly Card[];
  odd: ReadonlySet<string>;
  onToggle: (chip: string) => void;
  onConfirm: () => void;
}

export function OddOnes({ task, cards, odd, onToggle, onConfirm }: Props) {
  const [wanted = "", other = ""] = task.classes;
  const otherwise = isYesNo(task) ? other : "later";
  const shown = cards.slice(0, NINE);
  return (
    <>
      <section className="label-grid" aria-label={`Which of these are not ${wanted}?`}>
        {shown.map(({ chip, facts }, at) => (
          <button
            key={chip}
            type="button"
            data-pick=""
            aria-pressed={odd.has(chip)}
            aria-label={`${at + 1}. ${describe(facts)}: ${odd.has(chip) ? otherwise : wanted}`}
            onClick={() => onToggle(chip)}
          >
            <img src={thumbnailOf(chip, 256)} alt="" decoding="sync" draggable={false} />
            <span aria-hidden="true">{odd.has(chip) ? `✗ ${otherwise}` : `${at + 1} ✓`}</span>
          </button>
        ))}
      </section>
      <Group className="label-answers" justify="center" gap="md">
        <Text size="sm">
          Pick those that are not <strong>{wanted}</strong>
          {isYesNo(task) ? ` (they become ${other}).` : " (you are asked about them later)."}
        </Text>
        <Button size="md" onClick={onConfirm} rightSection={<Kbd size="xs">↵</Kbd>}>
          Confirm {shown.length - odd.size} as {wanted}
        </Button>
      </Group>
    </>
  );
}
