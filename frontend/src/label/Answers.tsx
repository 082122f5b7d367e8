/** The answers as buttons, each with its key. */
import "./label.css";
import { Button, Group, Kbd } from "@mantine/core";
import { memo } from "react";
import { ClassDot } from "../widgets/ClassDot";
import { type Action, isYesNo, keyOf } from "./hotkeys";
import type { Task } from "./types";

interface Props {
  task: Task;
  /** Classes picked so far, where a chip may have several. */
  picked: ReadonlySet<string>;
  onAction: (action: Action) => void;
}

export const Answers = memo(function Answers({ task, picked, onAction }: Props) {
  const onClass = (at: number) => onAction({ do: "class", at });
  const others = (
    <>
      <Answer name="Unsure" hotkey="U" onClick={() => onAction({ do: "unsure" })} plain />
      <Answer name="Skip" hotkey="S" onClick={() => onAction({ do: "skip" })} plain />
    </>
  );
  if (isYesNo(task)) {
    const [yes = "", no = ""] = task.classes;
    return (
      <div className="label-yesno">
        <Answer name={no} hotkey="N" arrow="←" classes={task.classes} onClick={() => onClass(1)} />
        <Answer name={yes} hotkey="Y" arrow="→" classes={task.classes} onClick={() => onClass(0)} />
        {others}
      </div>
    );
  }
  return (
    <Group gap="xs" justify="center">
      {task.classes.map((name, at) => (
        <Answer
          key={name}
          name={name}
          hotkey={keyOf(at, task)}
          classes={task.classes}
          onClick={() => onClass(at)}
          {...(task.several ? { pressed: picked.has(name) } : {})}
        />
      ))}
      {others}
      {task.several && (
        <Button
          size="md"
          color="green.9"
          onClick={() => onAction({ do: "confirm" })}
          rightSection={<Kbd size="xs">↵</Kbd>}
        >
          {picked.size > 0 ? "Save" : "None of them"}
        </Button>
      )}
    </Group>
  );
});

interface AnswerProps {
  name: string;
  hotkey: string;
  arrow?: string;
  plain?: boolean;
  classes?: readonly string[]; // of the task, where this is one of them
  pressed?: boolean;
  onClick: () => void;
}

function Answer({ name, hotkey, arrow, plain, classes, pressed, onClick }: AnswerProps) {
  return (
    <Button
      size="md"
      px="sm"
      variant={plain || pressed === false ? "default" : "filled"}
      onClick={onClick}
      data-pick={pressed === undefined ? undefined : ""}
      aria-pressed={pressed}
      aria-keyshortcuts={hotkey}
      leftSection={classes && <ClassDot classes={classes} name={name} />}
      rightSection={
        hotkey && (
          <Kbd size="xs" aria-hidden="true" visibleFrom="xs">
            {arrow ? `${arrow} ${hotkey}` : hotkey}
          </Kbd>
        )
      }
    >
      {name}
    </Button>
  );
}
