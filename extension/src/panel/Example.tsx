/** One of the examples: what it shows, where it is from, whether it is for or against; and of which layer it is. */
import { ActionIcon, Badge, NativeSelect, Text } from "@mantine/core";
import { IconMinus, IconPlus, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { thumbnailOf } from "../../../frontend/src/api/client";
import { takeFromSource } from "./capture";
import { placeOf } from "./filters";
import { layersOf, useLayers } from "./layers";
import { Picture } from "./Picture";
import classes from "./panel.module.css";
import {
  type ChangeSession,
  type Sample,
  type Scene,
  type Session,
  signOf,
  type Way,
  withInstead,
  withoutSample,
  withSample,
} from "./session";

const WAYS: Record<Way, { name: string; means: string }> = {
  source: { name: "from the archive", means: "The server fetched this region as it fetches chips." },
  map: { name: "from the map", means: "Read from the map on the page." },
  screenshot: { name: "from the screen", means: "Cut from a picture of the tab, with all that lies over the map." },
  result: { name: "a result", means: "A chip of the project." },
};

interface ExampleProps {
  sample: Sample;
  session: Session;
  change: ChangeSession;
}

export function Example({ sample, session, change }: ExampleProps) {
  const { example, layer, time, center, way, scene, notes } = sample;
  const sign = signOf(session.query, example);
  const path =
    "chip" in example ? thumbnailOf(example.chip, 128) : `api/v1/examples/${example.example}/thumbnail?size=128`;
  const facts = [time?.slice(0, 10), center && placeOf(center)].filter(Boolean).join(" · ");
  const fallback = way === "map" || way === "screenshot";
  return (
    <li data-sign={sign}>
      <Picture path={path} alt="" />
      <div className={classes.facts}>
        {scene ? (
          <Layer sample={sample} scene={scene} change={change} />
        ) : (
          <Text size="sm" fw={600} truncate title={layer ?? undefined}>
            {layer ?? "Layer unknown"}
          </Text>
        )}
        <Text size="xs" c="dimmed">
          {facts || "No date or place"}
        </Text>
        <Badge size="xs" variant="light" color={fallback ? "orange" : "gray"} title={WAYS[way].means}>
          {WAYS[way].name}
        </Badge>
      </div>
      <ActionIcon
        size={26}
        variant="default"
        aria-label={sign === "like" ? "Like this: turn to unlike" : "Unlike this: turn to like"}
        title={sign === "like" ? "The search looks for this" : "The search avoids this"}
        onClick={() => change((now) => withSample(now, sign === "like" ? "unlike" : "like", sample))}
      >
        {sign === "like" ? <IconPlus size={15} /> : <IconMinus size={15} />}
      </ActionIcon>
      <ActionIcon
        size={26}
        variant="subtle"
        color="gray"
        aria-label="Remove this example"
        title="Remove"
        onClick={() => change((now) => withoutSample(now, example))}
      >
        <IconX size={15} />
      </ActionIcon>
      {notes.length > 0 && (
        <Text size="xs" c="dimmed" className={classes.notes}>
          {fallback ? `Not from the archive: ${notes.join(" ")}` : notes.join(" ")}
        </Text>
      )}
    </li>
  );
}

/** The same place and time in another layer: one that Worldview shows there, or any that the project has chips of. */
function Layer({ sample, scene, change }: Pick<ExampleProps, "sample" | "change"> & { scene: Scene }) {
  const { example, layer } = sample;
  const { data: layers = [] } = useLayers();
  const taking = useMutation({
    mutationFn: (wanted: string) => takeFromSource(scene, wanted),
    onSuccess: (taken) => change((now) => withInstead(now, example, taken)),
  });
  const choices = new Set([layer ?? "", ...layersOf(scene.permalink, new Date()), ...layers]);
  return (
    <NativeSelect
      size="xs"
      className={classes.layer}
      aria-label="Layer of this example"
      title={layer ?? undefined}
      disabled={taking.isPending}
      value={taking.isPending ? taking.variables : (layer ?? "")}
      data={[...choices].map((id) => ({ value: id, label: id || "Layer unknown", disabled: !id }))}
      onChange={({ currentTarget: { value } }) => taking.mutate(value)}
    />
  );
}
