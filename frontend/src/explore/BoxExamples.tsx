/** What the box on the map holds, as examples: to find more like it or less like it anywhere. */
import { Button, Group, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useMemo } from "react";
import { tell } from "../app/tell";
import { many } from "../app/words";
import { idsOf } from "./items";
import type { MapData } from "./mapData";
import { nearest } from "./nearest";
import { type Box, type Change, type Query, type Sign, withExample } from "./query";

interface BoxExamplesProps {
  map: MapData;
  pass: Uint8Array; // what lies in the box and passes the other filters
  box: Box;
  change: Change;
}

export function BoxExamples({ map, pass, box, change }: BoxExamplesProps) {
  const { chips, total } = useMemo(() => nearest(map, pass, box), [map, pass, box]);
  const take = useMutation({
    mutationFn: async (sign: Sign) => ({ sign, ids: await idsOf(chips) }),
    // The box goes: whoever looks for more like it looks elsewhere.
    onSuccess: ({ sign, ids }) =>
      change((now) => ids.reduce<Query>((query, chip) => withExample(query, sign, { chip }), { ...now, box: null })),
    onError: tell,
  });
  if (total === 0)
    return (
      <Text size="xs" role="status">
        No chip lies in this box: draw it where points are, or make it larger.
      </Text>
    );
  const which = total > chips.length ? `the ${chips.length} nearest to its middle` : many(total, "chip");
  return (
    <Group gap={6}>
      {(["like", "unlike"] as const).map((sign) => (
        <Button
          key={sign}
          size="compact-xs"
          variant="light"
          loading={take.isPending && take.variables === sign}
          onClick={() => take.mutate(sign)}
        >
          {sign === "like" ? "More like this box" : "Less like this box"}
        </Button>
      ))}
      <Text size="xs" role="status">
        {total > chips.length ? `It holds ${many(total, "chip")}; ${which} become examples.` : `It holds ${which}.`}
      </Text>
    </Group>
  );
}
