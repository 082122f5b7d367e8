/** Which chips may be found: of any layer or of one, from when, and from where. */
import { Button, Collapse, Group, NativeSelect, Stack, Switch, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustments } from "@tabler/icons-react";
import { filtered, type Query } from "../../../frontend/src/explore/query";
import { readPermalink } from "../permalink";
import { tell } from "../tell";
import { boxOfView, datesBetween, daysOf } from "./filters";
import { useLayers } from "./layers";
import classes from "./panel.module.css";
import type { ChangeSession, Session } from "./session";
import { tabOf } from "./tab";

export function Filters({ session, change }: { session: Session; change: ChangeSession }) {
  const { query } = session;
  const { data: layers = [] } = useLayers();
  const [open, { toggle }] = useDisclosure(filtered(query));
  const set = (part: Partial<Query>) => change((now) => ({ ...now, query: { ...now.query, ...part } }));
  const [layer = ""] = query.layers;
  const { from, to } = daysOf(query.dates);
  const within = async (on: boolean) => set({ box: on ? await boxInView(session.tab) : null });
  return (
    <div className={classes.section}>
      <Button
        size="compact-sm"
        variant={filtered(query) ? "light" : "default"}
        leftSection={<IconAdjustments size={15} />}
        aria-expanded={open}
        onClick={toggle}
      >
        {filtered(query) ? "Filters (on)" : "Filters"}
      </Button>
      <Collapse expanded={open}>
        <Stack gap={8} pt={8}>
          <NativeSelect
            size="xs"
            label="Layer"
            value={layer}
            data={[{ value: "", label: "Any" }, ...new Set(layer ? [...layers, layer] : layers)]}
            onChange={({ currentTarget: { value } }) => set({ layers: value ? [value] : [] })}
          />
          <Group gap={8} grow>
            <TextInput
              type="date"
              size="xs"
              label="From"
              value={from}
              max={to || undefined}
              onChange={({ currentTarget: { value } }) => set({ dates: datesBetween(value, to) })}
            />
            <TextInput
              type="date"
              size="xs"
              label="To"
              value={to}
              min={from || undefined}
              onChange={({ currentTarget: { value } }) => set({ dates: datesBetween(from, value) })}
            />
          </Group>
          <Switch
            size="sm"
            label="Only in the view as it is now"
            checked={query.box !== null}
            onChange={({ currentTarget: { checked } }) => within(checked).catch(tell)}
          />
        </Stack>
      </Collapse>
    </div>
  );
}

async function boxInView(last: number | null) {
  return boxOfView(readPermalink((await tabOf(last)).url, new Date()));
}
