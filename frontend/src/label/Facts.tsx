/** What is known of the chip on the card, and ways to see more of it. */
import { Button, Group, Kbd, Stack, Text, Textarea } from "@mantine/core";
import type { ReactNode, Ref } from "react";
import type { Action } from "./hotkeys";
import type { Chip, Task } from "./types";
import { dayOf, placeOf } from "./words";

interface Props {
  task: Task;
  chip: Chip | null;
  why: string | null;
  days: readonly Chip[];
  other: Chip | null;
  note: string;
  noteField: Ref<HTMLTextAreaElement>;
  zoomed: boolean;
  around: boolean;
  onNote: (note: string) => void;
  onAction: (action: Action) => void;
}

export function Facts(props: Props) {
  const { task, chip, why, days, other, note, noteField, zoomed, around, onAction } = props;
  const rows = chip
    ? [
        ["Date", dayOf(chip)],
        ["Place", placeOf(chip)],
        ["Layer", chip.layer ?? ""],
        ["Size", `${chip.width} × ${chip.height} pixels`],
      ].filter(([, value]) => value)
    : [];
  const at = days.findIndex((day) => day.id === (other ?? chip)?.id);
  return (
    <Stack className="label-facts" gap="sm" component="aside" aria-label="About this picture">
      {why && (
        <Text size="sm">
          <strong>Why this one?</strong> {why}
        </Text>
      )}
      <dl>
        {rows.map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{breakable(value)}</dd>
          </div>
        ))}
      </dl>
      <Group gap="xs">
        <Look name="Zoom" hotkey="X" pressed={zoomed} onClick={() => onAction({ do: "zoom" })} />
        {chip?.box && <Look name="Around it" hotkey="W" pressed={around} onClick={() => onAction({ do: "context" })} />}
      </Group>
      {days.length > 1 && (
        <Group gap="xs" role="group" aria-label="The same place on other days">
          <Look name="Earlier" hotkey="," disabled={at <= 0} onClick={() => onAction({ do: "earlier" })} />
          <Look name="Later" hotkey="." disabled={at >= days.length - 1} onClick={() => onAction({ do: "later" })} />
        </Group>
      )}
      <NoteField note={note} field={noteField} onNote={props.onNote} />
      {task.guide && (
        <details>
          <summary>How to decide</summary>
          <Text size="sm" mt="xs" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            {task.guide}
          </Text>
        </details>
      )}
    </Stack>
  );
}

/** Names of layers are long, and have no spaces at which a line could end. */
const breakable = (name: string | undefined): ReactNode =>
  name?.split(/(?<=_)/).flatMap((part, at) => (at === 0 ? [part] : [<wbr key={part} />, part]));

interface LookProps {
  name: string;
  hotkey: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

function Look({ name, hotkey, pressed, disabled = false, onClick }: LookProps) {
  return (
    <Button
      size="xs"
      variant={pressed ? "filled" : "default"}
      aria-pressed={pressed}
      aria-keyshortcuts={hotkey}
      disabled={disabled}
      onClick={onClick}
      rightSection={
        <Kbd size="xs" aria-hidden="true">
          {hotkey}
        </Kbd>
      }
    >
      {name}
    </Button>
  );
}

interface NoteProps {
  note: string;
  field: Ref<HTMLTextAreaElement>;
  onNote: (note: string) => void;
}

function NoteField({ note, field, onNote }: NoteProps) {
  return (
    <Textarea
      ref={field}
      size="xs"
      label="Note (C)"
      description="Goes with your answer. Esc leaves the field."
      autosize
      maxRows={4}
      maxLength={2000}
      value={note}
      onChange={(event) => onNote(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}
