/** Who is here, and what they may do. Only owners change it. */
import { Button, Card, Group, Modal, Select, Stack, Table, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, get, type Schemas } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { type Role, useMay, useMe } from "../app/who";
import { momentOf } from "../app/words";
import { SecretLink } from "./SecretLink";
import { ROLES, roleName } from "./words";

type Person = Schemas["Person"];

export function Everybody() {
  const people = useQuery({ queryKey: ["people"], queryFn: () => get(api.GET("/api/v1/people")) });
  const owner = useMay("owner");
  const [link, setLink] = useState<{ name: string; path: string; days: number } | null>(null);
  const signIn = useMutation({
    mutationFn: (person: Person) =>
      get(api.POST("/api/v1/people/{person}/link", { params: { path: { person: person.id } } })),
    onSuccess: ({ path, days }, person) => setLink({ name: person.name, path, days }),
  });
  if (people.isPending) return <Loading />;
  if (people.isLoadingError) return <Failed error={people.error} again={() => people.refetch()} />;
  return (
    <Card withBorder>
      <Stack>
        <Title order={3} size="h4">
          Who is here
        </Title>
        {link && (
          <SecretLink
            title={`${link.name} signs in with this link, once`}
            path={link.path}
            days={link.days}
            done={() => setLink(null)}
          />
        )}
        <Table.ScrollContainer minWidth={280}>
          <Table verticalSpacing="xs" horizontalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th visibleFrom="sm">Since</Table.Th>
                {owner && <Table.Th aria-label="What can be done" />}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {people.data.people.map((person) => (
                <PersonRow key={person.id} person={person} owner={owner} link={() => signIn.mutate(person)} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Stack>
    </Card>
  );
}

function PersonRow({ person, owner, link }: { person: Person; owner: boolean; link: () => void }) {
  const queries = useQueryClient();
  const me = useMe().data?.person.id;
  const [asking, setAsking] = useState(false);
  const fresh = { onSuccess: () => queries.invalidateQueries({ queryKey: ["people"] }) };
  const path = { person: person.id };
  const change = useMutation({
    mutationFn: (role: Role) => get(api.PUT("/api/v1/people/{person}", { params: { path }, body: { role } })),
    ...fresh,
  });
  const remove = useMutation({
    mutationFn: () => get(api.DELETE("/api/v1/people/{person}", { params: { path } })),
    ...fresh,
  });
  const mine = person.id === me;
  const changeable = owner && person.active && !mine;
  return (
    <Table.Tr>
      <Table.Td>
        {person.name}
        {mine && (
          <Text span c="dimmed">
            {" "}
            (you)
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {changeable ? (
          <Select
            aria-label={`Role of ${person.name}`}
            data={ROLES.map(({ value, label }) => ({ value, label }))}
            value={person.role}
            onChange={(role) => role && change.mutate(role as Role)}
            allowDeselect={false}
            size="xs"
            w={112}
          />
        ) : person.active ? (
          roleName(person.role)
        ) : (
          "Removed. Their labels stay."
        )}
      </Table.Td>
      <Table.Td visibleFrom="sm">{momentOf(person.created)}</Table.Td>
      {owner && (
        <Table.Td>
          {person.active && (
            <Group gap={6} justify="flex-end" miw={{ base: 0, sm: 215 }}>
              <Button size="compact-sm" variant="default" onClick={link}>
                Sign-in link
              </Button>
              {!mine && (
                <Button size="compact-sm" variant="default" onClick={() => setAsking(true)}>
                  Remove
                </Button>
              )}
            </Group>
          )}
          <Modal opened={asking} onClose={() => setAsking(false)} title={`Remove ${person.name}?`}>
            <Text mb="md">They can no longer sign in. Their labels stay.</Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAsking(false)}>
                Keep
              </Button>
              <Button
                color="red"
                loading={remove.isPending}
                onClick={() => remove.mutate(undefined, { onSettled: () => setAsking(false) })}
              >
                Remove
              </Button>
            </Group>
          </Modal>
        </Table.Td>
      )}
    </Table.Tr>
  );
}
