/** Choose a task and a class for all selected chips. */
import { Button, Menu, ScrollArea } from "@mantine/core";
import { IconChevronDown, IconTag } from "@tabler/icons-react";
import type { Schemas } from "../api/client";
import { ClassDot } from "../widgets/ClassDot";
import { MOST_LABELLED } from "./labelling";

interface LabelMenuProps {
  tasks: readonly Schemas["TaskState"][];
  busy: boolean;
  count: number; // of chips
  onSay: (task: string, value: string | null) => void; // null: unsure
  onNew: (() => void) | null;
}

export function LabelMenu({ tasks, busy, count, onSay, onNew }: LabelMenuProps) {
  return (
    <Menu position="top-start" withinPortal shadow="md">
      <Menu.Target>
        <Button
          size="compact-sm"
          loading={busy}
          leftSection={<IconTag size={16} />}
          rightSection={<IconChevronDown size={14} />}
        >
          Label
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <ScrollArea.Autosize mah={360} maw={320}>
          {count > MOST_LABELLED && (
            <Menu.Label>At most {MOST_LABELLED.toLocaleString("en")} chips can be labelled at once.</Menu.Label>
          )}
          {(count > MOST_LABELLED ? [] : tasks).map(({ task }) => (
            <div key={task.id}>
              <Menu.Label>{task.question}</Menu.Label>
              {task.classes.map((name) => (
                <Menu.Item
                  key={name}
                  leftSection={<ClassDot classes={task.classes} name={name} />}
                  onClick={() => onSay(task.id, name)}
                >
                  {name}
                </Menu.Item>
              ))}
              <Menu.Item c="dimmed" onClick={() => onSay(task.id, null)}>
                Unsure
              </Menu.Item>
            </div>
          ))}
          {tasks.length === 0 && <Menu.Label>There is no task yet.</Menu.Label>}
          {onNew && <Menu.Item onClick={onNew}>New task…</Menu.Item>}
        </ScrollArea.Autosize>
      </Menu.Dropdown>
    </Menu>
  );
}
