/** Which task ticks and crosses are saved to, and which class a tick stands for. */
import { Group, NativeSelect, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, get, type Schemas } from "../../../frontend/src/api/client";
import classes from "./panel.module.css";
import type { ChangeSession, Session } from "./session";

/** The tasks of the project. */
export const useTasks = () =>
  useQuery({ queryKey: ["tasks"], queryFn: async () => (await get(api.GET("/api/v1/tasks"))).tasks });

/** The chosen task; else the usual one, else the first. */
export function taskOf(
  tasks: readonly Schemas["TaskState"][] | undefined,
  chosen: string | null,
  usual: string | null,
) {
  const find = (id: string | null) => tasks?.find(({ task }) => task.id === id)?.task;
  return find(chosen) ?? find(usual) ?? tasks?.[0]?.task ?? null;
}

export function Tasks({ session, change, usual }: { session: Session; change: ChangeSession; usual: string | null }) {
  const { data: tasks } = useTasks();
  const task = taskOf(tasks, session.task, usual);
  if (!tasks) return null;
  if (!task)
    return (
      <Text size="sm" c="dimmed" className={classes.section}>
        The project has no task yet. Make one in Curator, and results can be labelled here.
      </Text>
    );
  return (
    <Group gap={8} wrap="nowrap" className={classes.section}>
      <NativeSelect
        size="xs"
        flex={2}
        label="Labels go to"
        value={task.id}
        data={tasks.map(({ task: { id, question } }) => ({ value: id, label: question }))}
        onChange={({ currentTarget: { value } }) => change((now) => ({ ...now, task: value, class: null }))}
      />
      <NativeSelect
        size="xs"
        flex={1}
        label="✓ means"
        value={session.class !== null && task.classes.includes(session.class) ? session.class : (task.classes[0] ?? "")}
        data={[...task.classes]}
        onChange={({ currentTarget: { value } }) => change((now) => ({ ...now, class: value }))}
      />
    </Group>
  );
}
