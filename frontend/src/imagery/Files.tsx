/** Bring pictures of one's own: drop a folder, a zip file or GeoTIFFs, or choose them. */
import { Button, FileButton, Group, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Fault } from "../api/client";
import { newId } from "../app/ids";
import { bytes, many, sentence } from "../app/words";
import styles from "./Files.module.css";
import { filesOf, importOf, type Sending, upload, usable } from "./uploads";

const ACCEPT = ".zip,.tar,.tgz,.gz,.tif,.tiff,.png,.jpg,.jpeg,.webp,.jp2";
const MOST = 200; // each is a job; more belong into a zip file

export function Files() {
  const queries = useQueryClient();
  const [sendings, setSendings] = useState<readonly Sending[]>([]);
  const [wrong, setWrong] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const line = useRef(Promise.resolve());
  const ended = useRef(new AbortController());
  useEffect(() => {
    const control = new AbortController();
    ended.current = control;
    return () => control.abort();
  }, []);

  const change = (key: string, to: Partial<Sending>) =>
    setSendings((all) => all.map((each) => (each.key === key ? { ...each, ...to } : each)));

  const sendOne = async (file: File, key: string) => {
    if (ended.current.signal.aborted) return;
    change(key, { state: "sending" });
    try {
      const { id } = await upload(file, (sent) => change(key, { sent }), ended.current.signal);
      await importOf(id);
      change(key, { state: "importing", sent: file.size });
      queries.invalidateQueries({ queryKey: ["jobs"] });
    } catch (error) {
      const said =
        error instanceof Fault ? [error.message, error.hint].filter(Boolean).map(sentence).join(" ") : String(error);
      change(key, { state: "failed", error: said });
    }
  };
  const take = (given: readonly File[]) => {
    const files = usable(given);
    if (files.length === 0) return setWrong("None of this is a picture, a GeoTIFF, or a zip or tar file.");
    if (files.length > MOST)
      return setWrong(`These are ${many(files.length, "file")}. Put them into one zip file, with their folders.`);
    setWrong(
      files.length < given.length
        ? `${many(given.length - files.length, "file")} left out: not pictures or archives.`
        : null,
    );
    for (const file of files) {
      const key = newId();
      setSendings((all) => [...all, { key, name: file.name, bytes: file.size, sent: 0, state: "waiting" }]);
      line.current = line.current.then(() => sendOne(file, key)); // one after the other: uploads share the line anyway
    }
  };
  return (
    <Paper
      withBorder
      p="md"
      component="section"
      aria-label="Your own pictures"
      className={styles.drop}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={async (event) => {
        event.preventDefault();
        setOver(false);
        take(await filesOf(event.dataTransfer.items));
      }}
    >
      <Stack>
        <Group justify="space-between">
          <div>
            <Title order={3} size="h4">
              Your own pictures
            </Title>
            <Text size="sm" c="dimmed">
              Drop a zip file, a folder, GeoTIFFs or pictures here. Folders in a zip file become classes; scenes are cut
              into chips.
            </Text>
          </div>
          <FileButton multiple accept={ACCEPT} onChange={take}>
            {(props) => (
              <Button {...props} variant="default" leftSection={<IconUpload size={16} aria-hidden />}>
                Choose files
              </Button>
            )}
          </FileButton>
        </Group>
        {wrong && (
          <Text size="sm" c="red" role="alert">
            {wrong}
          </Text>
        )}
        {sendings.map((sending) => (
          <SendingRow key={sending.key} sending={sending} />
        ))}
      </Stack>
    </Paper>
  );
}

const SAID = {
  waiting: "Waiting",
  sending: "Sending",
  importing: "Sent. It is being imported: see Activity.",
  failed: "",
};

function SendingRow({ sending: { name, bytes: size, sent, state, error } }: { sending: Sending }) {
  return (
    <div>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" truncate>
          {name}
        </Text>
        <Text size="sm" c="dimmed" style={{ flexShrink: 0 }}>
          {state === "sending" ? `${bytes(sent)} of ${bytes(size)}` : bytes(size)}
        </Text>
      </Group>
      <Progress
        value={size ? (100 * sent) / size : 0}
        size="sm"
        color={state === "failed" ? "red" : "sea"}
        aria-label={`${name}, sent`}
      />
      <Text size="xs" c={state === "failed" ? "red" : "dimmed"} role={state === "failed" ? "alert" : undefined}>
        {error ?? SAID[state]}
      </Text>
    </div>
  );
}
