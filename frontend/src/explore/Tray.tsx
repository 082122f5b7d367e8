/** The examples that the search goes by: like these, not like those. */
import { ActionIcon, Button, FileButton, Group, Loader, Paper, Text } from "@mantine/core";
import { IconPhotoPlus, IconX } from "@tabler/icons-react";
import { type DragEvent, useState } from "react";
import { BASE, thumbnailOf } from "../api/client";
import { Failed } from "../app/Notice";
import { ACCEPT, dropped, uploadAll, usePaste } from "./examples";
import classes from "./explore.module.css";
import { type Change, type Example, type Query, type Sign, withExample, withoutExample } from "./query";
import { WorldviewLink } from "./WorldviewLink";
import { type Scene, useCapturing, whenAndWhere } from "./worldview";

const NAMES: Record<Sign, { title: string; add: string; link: string; empty: string }> = {
  like: {
    title: "Like these",
    add: "Add a picture to find more like it",
    link: "Worldview: add a link to find more like it",
    empty: "Drop, paste or choose a picture, or paste a link to NASA Worldview",
  },
  unlike: {
    title: "Not like these",
    add: "Add a picture to find less like it",
    link: "Worldview: add a link to find less like it",
    empty: "Optional",
  },
};

export const smallOf = (example: Example): string =>
  "chip" in example
    ? thumbnailOf(example.chip, 128)
    : `${BASE}api/v1/examples/${encodeURIComponent(example.example)}/thumbnail?size=128`;

export function Tray({ query, change }: { query: Query; change: Change }) {
  const [uploading, setUploading] = useState<Sign | null>(null);
  const capturing = useCapturing(query, change);
  const add = (sign: Sign, example: Example) => change((now) => withExample(now, sign, example));
  const take = async (files: readonly File[], sign: Sign) => {
    setUploading(sign);
    await uploadAll(files, (example) => add(sign, example));
    setUploading(null);
  };
  usePaste(take, capturing.take);
  return (
    <div className={classes.tray}>
      {(["like", "unlike"] as const).map((sign) => (
        <Side
          key={sign}
          sign={sign}
          examples={query[sign]}
          scenes={capturing.scenes}
          waiting={uploading === sign ? "Uploading" : capturing.waiting === sign ? "Fetching from Worldview" : null}
          onFiles={(files) => take(files, sign)}
          onChip={(chip) => add(sign, { chip })}
          onLink={(link) => capturing.take(link, sign)}
          onRemove={(example) => change((now) => withoutExample(now, example))}
        />
      ))}
      {capturing.error && (
        <div className={classes.trouble}>
          <Failed error={capturing.error} again={capturing.again} />
          <Button size="compact-sm" variant="subtle" onClick={capturing.leave}>
            Search without it
          </Button>
        </div>
      )}
    </div>
  );
}

interface SideProps {
  sign: Sign;
  examples: readonly Example[];
  scenes: Readonly<Record<string, Scene>>;
  waiting: string | null;
  onFiles: (files: File[]) => void;
  onChip: (chip: string) => void;
  onLink: (link: string) => void;
  onRemove: (example: Example) => void;
}

function Side({ sign, examples, scenes, waiting, onFiles, onChip, onLink, onRemove }: SideProps) {
  const [over, setOver] = useState(false);
  const { title, add, link: addLink, empty } = NAMES[sign];
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const { chips, files, link } = dropped(event.dataTransfer);
    for (const chip of chips) onChip(chip);
    if (files.length) onFiles(files);
    else if (link) onLink(link);
  };
  return (
    <Paper
      component="section"
      withBorder
      className={classes.side}
      data-sign={sign}
      data-over={over || undefined}
      aria-label={title}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Group gap={6} className={classes.add}>
        <Text size="sm" fw={600} className={classes.sign}>
          {title}
        </Text>
        <FileButton onChange={onFiles} accept={ACCEPT} multiple>
          {(props) => (
            <Button
              {...props}
              size="compact-sm"
              variant="light"
              aria-label={add}
              leftSection={<IconPhotoPlus size={16} />}
            >
              Add
            </Button>
          )}
        </FileButton>
        <WorldviewLink name={addLink} take={onLink} />
        {waiting && <Loader size="xs" role="status" aria-label={waiting} />}
        {examples.length === 0 && !waiting && (
          <Text size="sm" c="dimmed" truncate className={classes.hint}>
            {empty}
          </Text>
        )}
      </Group>
      {examples.length > 0 && (
        <ul className={classes.examples}>
          {examples.map((example, at) => (
            <li key={smallOf(example)}>
              <img src={smallOf(example)} alt={`Example ${at + 1}`} width={56} height={56} />
              {"example" in example && scenes[example.example] && <Facts scene={scenes[example.example] as Scene} />}
              <ActionIcon
                size={24}
                radius="xl"
                variant="filled"
                color="dark"
                aria-label={`Remove example ${at + 1}`}
                onClick={() => onRemove(example)}
              >
                <IconX size={14} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
    </Paper>
  );
}

const Facts = ({ scene }: { scene: Scene }) => (
  <div className={classes.facts}>
    <Text size="sm" fw={600} truncate title={scene.layer}>
      {scene.layer}
    </Text>
    <Text size="sm" c="dimmed">
      {whenAndWhere(scene)}
    </Text>
  </div>
);
