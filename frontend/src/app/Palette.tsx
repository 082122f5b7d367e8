/** Ctrl-K: go anywhere and do the usual things by typing a few letters. */
import { Box, Modal, Text, TextInput, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { api, get } from "../api/client";
import { type Choice, fitting } from "./choices";
import { menu } from "./menu";
import styles from "./Palette.module.css";
import { useMay } from "./who";

interface Props {
  opened: boolean;
  close: () => void;
  showHelp: () => void;
  showActivity: () => void;
}

function useChoices({ showHelp, showActivity }: Props): Choice[] {
  const [, go] = useLocation();
  const { setColorScheme } = useMantineColorScheme();
  const curator = useMay("curator");
  const tasks = useQuery({
    queryKey: ["tasks"],
    queryFn: () => get(api.GET("/api/v1/tasks", { params: { query: {} } })),
  });
  return useMemo(() => {
    const screens = menu
      .filter(({ role }) => curator || role !== "curator")
      .map(({ path, name }) => ({ name, group: "Go to", run: () => go(path) }));
    const of = (tasks.data?.tasks ?? []).flatMap(({ task }) => [
      { name: `Label: ${task.question}`, group: "Tasks", run: () => go(`/tasks/${task.id}/label`) },
      { name: `Insights: ${task.question}`, group: "Tasks", run: () => go(`/tasks/${task.id}/insights`) },
      ...(curator
        ? [{ name: `Review: ${task.question}`, group: "Tasks", run: () => go(`/tasks/${task.id}/review`) }]
        : []),
    ]);
    return [
      ...screens,
      ...of,
      { name: "Show activity", group: "Do", words: "jobs progress downloads", run: showActivity },
      { name: "Show keyboard shortcuts", group: "Do", words: "keys help", run: showHelp },
      { name: "Dark colours", group: "Do", words: "mode theme night", run: () => setColorScheme("dark") },
      { name: "Light colours", group: "Do", words: "mode theme day", run: () => setColorScheme("light") },
      { name: "Colours of the system", group: "Do", words: "auto theme", run: () => setColorScheme("auto") },
    ];
  }, [tasks.data, curator, go, setColorScheme, showHelp, showActivity]);
}

export default function Palette(props: Props) {
  const { opened, close } = props;
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const shown = fitting(useChoices(props), typed).slice(0, 12);
  const current = Math.min(at, shown.length - 1);

  const run = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    setTyped("");
    setAt(0);
    choice.run();
  };
  const press = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((current + step + shown.length) % Math.max(shown.length, 1));
    else if (event.key === "Enter") run(shown[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal opened={opened} onClose={close} withCloseButton={false} padding="xs" yOffset="12vh" aria-label="Commands">
      <TextInput
        data-autofocus
        placeholder="Where to, or what to do?"
        aria-label="Where to, or what to do?"
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={shown[current] && `${list}-${current}`}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={press}
      />
      <Box id={list} role="listbox" aria-label="Commands" mt="xs">
        {shown.map((choice, index) => (
          <UnstyledButton
            key={`${choice.group} ${choice.name}`}
            id={`${list}-${index}`}
            className={styles.choice}
            role="option"
            aria-selected={index === current}
            tabIndex={-1}
            onMouseMove={() => setAt(index)}
            onClick={() => run(choice)}
          >
            <span>{choice.name}</span>
            <Text span size="xs" c="dimmed">
              {choice.group}
            </Text>
          </UnstyledButton>
        ))}
      </Box>
      {shown.length === 0 && (
        <Text c="dimmed" p="sm" role="status">
          Nothing is called that.
        </Text>
      )}
    </Modal>
  );
}
