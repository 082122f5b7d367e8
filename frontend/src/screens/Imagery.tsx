/** Get imagery: where, what and when, what it will take; or pictures of one's own. */
import { Alert, Paper, SimpleGrid, Stack, Title } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import { useSearchParams } from "wouter";
import type { Schemas } from "../api/client";
import { Empty, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay, useMe } from "../app/who";
import { Estimate } from "../imagery/Estimate";
import { Files } from "../imagery/Files";
import { LayerPicker } from "../imagery/LayerPicker";
import { type Order, readOrder, withLink, writeOrder } from "../imagery/order";
import { PlaceField } from "../imagery/PlaceField";
import { type Geometry, type Place, writePlace } from "../imagery/place";
import { useEstimate } from "../imagery/useEstimate";
import { How, When } from "../imagery/WhenAndHow";

const RegionMap = lazy(() => import("../imagery/RegionMap"));

export default function Imagery() {
  const curator = useMay("curator");
  const known = useMe().isSuccess;
  if (known && !curator)
    return <Empty title="Only curators get imagery">Ask an owner of this project for the role.</Empty>;
  return (
    <Page
      title="Get imagery"
      lead="From NASA's archive of daily imagery, cut into chips; or pictures that you have already."
      width={1280}
    >
      <Archive />
      <Files />
    </Page>
  );
}

/** The order lives in the address; a region that is too long for it lives in this tab. */
function useOrder(): [Order, (to: Partial<Order>) => void] {
  const [params, setParams] = useSearchParams();
  const [long, setLong] = useState<Place | null>(null);
  const read = readOrder(params);
  const order = { ...read, place: read.place ?? long };
  const change = (to: Partial<Order>) => {
    const next = { ...order, ...to };
    const written = writeOrder(next);
    setLong(written.has("place") ? null : next.place);
    setParams(written, { replace: true });
  };
  return [order, change];
}

function Archive() {
  const [order, change] = useOrder();
  const estimate = useEstimate(order);
  const { outlook } = estimate;
  const linked = order.place?.kind === "worldview";
  const seen = withLink(order, outlook?.orders ?? []);
  const choose = (layers: string[], fresh?: Schemas["LayerFacts"]) =>
    // a first layer brings the newest day that it has
    change({ layers, ...(fresh?.last && !seen.from ? { from: fresh.last, to: fresh.last } : {}) });
  const take = (place: Place | null) =>
    change(place?.kind === "worldview" ? { place, layers: [], from: "", to: "", every: 1, zoom: null } : { place });
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Stack gap="md">
        <Paper withBorder p="md" component="section" aria-label="Where">
          <Title order={3} size="h4" mb="sm">
            Where
          </Title>
          <Suspense fallback={<Loading what="Loading the map" />}>
            <RegionMap
              place={order.place}
              understood={(linked ? (outlook?.orders[0]?.region as Geometry | undefined) : undefined) ?? null}
              grid={order.place ? ((outlook?.grid as Geometry | undefined) ?? null) : null}
              crs={seen.crs}
              fixed={linked}
              onCrs={(crs) => change({ crs, zoom: null })}
              onPlace={take}
            />
          </Suspense>
          <PlaceField key={writePlace(order.place)} place={order.place} onPlace={take} />
        </Paper>
      </Stack>
      <Stack gap="md">
        <Paper withBorder p="md" component="section" aria-label="What and when">
          <Title order={3} size="h4" mb="sm">
            What and when
          </Title>
          <Stack>
            {linked && (
              <Alert variant="light">
                These layers and days are those of the link. What you change here counts instead.
                {(outlook?.orders.length ?? 0) > 1 && " It compares two sides: both are asked for."}
              </Alert>
            )}
            <When order={seen} change={(to) => change({ from: seen.from, to: seen.to, ...to })} />
            <LayerPicker chosen={seen.layers} choose={choose} crs={seen.crs} from={seen.from} to={seen.to} />
            <How order={seen} change={change} />
          </Stack>
        </Paper>
        <Estimate order={order} {...estimate} />
      </Stack>
    </SimpleGrid>
  );
}
