/** The days, and how the imagery is cut into chips. */
import { Button, Collapse, Group, NumberInput, Select, Stack, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { api, get } from "../api/client";
import { count } from "../app/words";
import type { Order } from "./order";
import styles from "./WhenAndHow.module.css";

interface Props {
  order: Order;
  change: (to: Partial<Order>) => void;
}

const numberOf = (value: number | string): number | null => (value === "" ? null : Number(value));

export function When({ order, change }: Props) {
  return (
    <Group align="flex-end" gap="sm">
      <TextInput
        type="date"
        label="From"
        value={order.from}
        onChange={(event) => {
          const from = event.currentTarget.value;
          change({ from, ...(!order.to || order.to < from ? { to: from } : {}) });
        }}
        style={{ flex: "1 1 9rem" }}
      />
      <TextInput
        type="date"
        label="Until and with"
        value={order.to}
        min={order.from}
        onChange={(event) => change({ to: event.currentTarget.value })}
        error={order.to && order.to < order.from ? "This is before the first day." : null}
        style={{ flex: "1 1 9rem" }}
      />
      <NumberInput
        label="Every … days"
        value={order.every}
        onChange={(value) => change({ every: Math.max(1, Number(value) || 1) })}
        min={1}
        max={3660}
        allowDecimal={false}
        w={120}
      />
    </Group>
  );
}

export function How({ order, change }: Props) {
  const [open, { toggle }] = useDisclosure(
    order.zoom !== null || order.chipSize !== null || !!order.clouds || !!order.mask || order.edge !== "touch",
  );
  return (
    <Stack gap="sm">
      <Button variant="subtle" size="xs" onClick={toggle} aria-expanded={open} style={{ alignSelf: "flex-start" }}>
        {open ? "Fewer options" : "More options"}
      </Button>
      <Collapse expanded={open}>
        <div className={styles.fields}>
          <Level order={order} change={change} />
          <NumberInput
            label="Chip size, pixels"
            description="Empty: each tile is a chip."
            value={order.chipSize ?? ""}
            onChange={(value) => change({ chipSize: numberOf(value) })}
            min={8}
            max={4096}
          />
          <NumberInput
            label="Stride, pixels"
            description="Less than the size: they overlap."
            value={order.stride ?? ""}
            onChange={(value) => change({ stride: numberOf(value) })}
            disabled={order.chipSize === null}
            min={1}
            max={4096}
          />
          <NumberInput
            label="Least share of data, %"
            description="Emptier chips are left out."
            value={Math.round(order.minValid * 100)}
            onChange={(value) => change({ minValid: Math.min(100, Math.max(0, Number(value) || 0)) / 100 })}
            min={0}
            max={100}
          />
          <Select
            label="At the border"
            description="Of the place."
            data={[
              { value: "touch", label: "Chips that touch it" },
              { value: "within", label: "Only those inside" },
            ]}
            value={order.edge}
            onChange={(edge) => change({ edge: edge === "within" ? "within" : "touch" })}
            allowDeselect={false}
          />
          <Helper
            label="Mask of gaps"
            description="Else black counts as no data."
            words="no data"
            order={order}
            value={order.mask}
            choose={(mask) => change({ mask })}
          />
          <Helper
            label="Cloud layer"
            description="Its share is kept with each chip."
            words="cloud fraction"
            order={order}
            value={order.clouds}
            choose={(clouds) => change({ clouds })}
          />
          <NumberInput
            label="Most cloud, %"
            description="Cloudier chips are left out."
            value={Math.round(order.maxClouds * 100)}
            onChange={(value) => change({ maxClouds: Math.min(100, Math.max(0, Number(value))) / 100 })}
            disabled={!order.clouds}
            min={0}
            max={100}
          />
        </div>
      </Collapse>
    </Stack>
  );
}

interface HelperProps {
  label: string;
  description: string;
  words: string; // that all such layers have in their names
  order: Order;
  value: string;
  choose: (layer: string) => void;
}

/** A layer that says something of the pictures of another: where there is no data, or how cloudy it is. */
function Helper({ label, description, words, order, value, choose }: HelperProps) {
  const layers = useQuery({
    queryKey: ["layers", words, order.crs],
    queryFn: () => get(api.GET("/api/v1/layers", { params: { query: { words, crs: order.crs, limit: 40 } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const found = layers.data?.layers.map(({ id, title }) => ({ value: id, label: title || id })) ?? [];
  const known = !value || found.some((layer) => layer.value === value);
  return (
    <Select
      label={label}
      description={description}
      data={[{ value: "", label: "None" }, ...found, ...(known ? [] : [{ value, label: value }])]}
      value={value}
      onChange={(layer) => choose(layer ?? "")}
      allowDeselect={false}
    />
  );
}

/** The levels of the first layer's grid, from fine to coarse. */
function Level({ order, change }: Props) {
  const layer = order.layers[0];
  const details = useQuery({
    queryKey: ["layer", layer],
    queryFn: () => get(api.GET("/api/v1/layers/{layer}", { params: { path: { layer: layer ?? "" } } })),
    enabled: layer !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const levels = details.data?.grids[order.crs]?.levels ?? [];
  return (
    <Select
      label="Resolution"
      description="The finest shows most, and takes most."
      data={[
        { value: "", label: "The finest" },
        ...levels
          .map(({ metres_per_pixel: metres }, zoom) => ({
            value: String(zoom),
            label: `Level ${zoom}: ${count(Math.round(metres))} m a pixel`,
          }))
          .reverse(),
      ]}
      value={order.zoom === null ? "" : String(order.zoom)}
      onChange={(value) => change({ zoom: value ? Number(value) : null })}
      allowDeselect={false}
    />
  );
}
