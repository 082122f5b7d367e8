/** Searching from NASA Worldview: browsers whose extension is paired with this project, and a bookmark. */
import { Anchor, Button, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, BASE, get, type Schemas } from "../api/client";
import { Failed } from "../app/Notice";
import { momentOf } from "../app/words";
import { PairingCode } from "./PairingCode";
import { bookmarkTo, browserOf } from "./pairing";
import { Copied } from "./SecretLink";
import { linkOf } from "./words";

type Offer = Schemas["Offer"];

const KEY = ["pairings"];
const WATCH_MS = 2000; // while a code waits to be typed

export function Browsers() {
  const queries = useQueryClient();
  const [offer, setOffer] = useState<Offer | null>(null);
  const paired = (list: Schemas["Pairing"][] | undefined) =>
    list?.some(({ id, claimed }) => id === offer?.id && claimed);
  const list = useQuery({
    queryKey: KEY,
    queryFn: async () => (await get(api.GET("/api/v1/pairings"))).pairings,
    refetchInterval: ({ state }) => (offer && !paired(state.data) ? WATCH_MS : false),
  });
  const shown = list.data?.filter(({ id, claimed }) => claimed || id !== offer?.id) ?? []; // a code is not shown twice
  const ask = useMutation({
    mutationFn: () => get(api.POST("/api/v1/pairings", { body: { role: "curator" } })),
    onSuccess: (made) => {
      setOffer(made);
      queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Card withBorder component="section" aria-label="Worldview extension">
      <Stack>
        <Title order={3} size="h4">
          Connect the Worldview extension
        </Title>
        <Text size="sm">
          With it, you mark a scene on NASA Worldview and see beside the map where and when else it looks like that. It
          may search and label in your name, and nothing else.
        </Text>
        {offer ? (
          <PairingCode
            key={offer.id}
            offer={offer}
            paired={paired(list.data) ?? false}
            again={() => ask.mutate()}
            done={() => setOffer(null)}
          />
        ) : (
          <Group>
            <Button onClick={() => ask.mutate()} loading={ask.isPending}>
              Pair a browser
            </Button>
          </Group>
        )}
        {list.isLoadingError && <Failed error={list.error} again={() => list.refetch()} />}
        {shown.length > 0 && <Paired list={shown} />}
        <Bookmark />
      </Stack>
    </Card>
  );
}

function Paired({ list }: { list: readonly Schemas["Pairing"][] }) {
  const queries = useQueryClient();
  const people = useQuery({ queryKey: ["people"], queryFn: () => get(api.GET("/api/v1/people")) });
  const revoke = useMutation({
    mutationFn: (pairing: string) => get(api.DELETE("/api/v1/pairings/{pairing}", { params: { path: { pairing } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  const nameOf = (id: string) => people.data?.people.find((person) => person.id === id)?.name;
  return (
    <Table.ScrollContainer minWidth={420}>
      <Table captionSide="top">
        <Table.Caption ta="left">Paired browsers, and codes that wait</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>What</Table.Th>
            <Table.Th>Since</Table.Th>
            <Table.Th>Until</Table.Th>
            <Table.Th aria-label="What can be done" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {list.map(({ id, claimed, name, origin, person, created, expires }) => {
            const what = claimed ? name || "Worldview extension" : "A code that nobody has typed yet";
            const details = [claimed && browserOf(origin), nameOf(person)].filter(Boolean).join(", ");
            return (
              <Table.Tr key={id}>
                <Table.Td>
                  {what}
                  {details && (
                    <Text size="xs" c="dimmed">
                      {details}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td>{momentOf(created)}</Table.Td>
                <Table.Td>{momentOf(expires)}</Table.Td>
                <Table.Td ta="right">
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`Revoke: ${what}${details && `, ${details}`}`}
                    onClick={() => revoke.mutate(id)}
                  >
                    Revoke
                  </Button>
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** React refuses addresses that are scripts, and our own pages may not run one: it is there to be dragged. */
function Bookmark() {
  const address = bookmarkTo(linkOf(BASE, "/", window.location.origin));
  return (
    <Stack gap="xs">
      <Title order={4} size="h5">
        Without the extension
      </Title>
      <Text size="sm">
        Drag{" "}
        <Anchor
          ref={(link) => link?.setAttribute("href", address)}
          onClick={(event) => event.preventDefault()}
          fw={600}
        >
          Find in Curator
        </Anchor>{" "}
        to your bookmarks. On Worldview, it opens Explore and find with the middle of the map as an example.
      </Text>
      <Copied label="Or make a bookmark with this address" value={address} />
    </Stack>
  );
}
