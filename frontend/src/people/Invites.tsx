/** Let people in: a link with a role, for some days and so many people. */
import { Button, Card, Group, NumberInput, Select, Stack, Table, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, get } from "../api/client";
import type { Role } from "../app/who";
import { many, momentOf } from "../app/words";
import { SecretLink } from "./SecretLink";
import { ROLES, roleName } from "./words";

export function Invites() {
  const queries = useQueryClient();
  const [role, setRole] = useState<Role>("annotator");
  const [days, setDays] = useState<number | string>(7);
  const [uses, setUses] = useState<number | string>(1);
  const invite = useMutation({
    mutationFn: () =>
      get(api.POST("/api/v1/invites", { body: { role, days: Number(days) || 7, uses: Number(uses) || 1 } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["invites"] }),
  });
  return (
    <Card withBorder>
      <Stack>
        <Title order={3} size="h4">
          Invite people
        </Title>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            invite.mutate();
          }}
        >
          <Group align="flex-end" gap="sm">
            <Select
              label="They may be"
              data={ROLES.map(({ value, label }) => ({ value, label }))}
              value={role}
              onChange={(value) => value && setRole(value as Role)}
              allowDeselect={false}
              w={150}
            />
            <NumberInput label="For days" value={days} onChange={setDays} min={1} max={90} w={110} />
            <NumberInput label="For how many people" value={uses} onChange={setUses} min={1} max={1000} w={170} />
            <Button type="submit" loading={invite.isPending}>
              Make the link
            </Button>
          </Group>
        </form>
        <Text size="sm" c="dimmed">
          {roleName(role)}.
        </Text>
        {invite.data && (
          <SecretLink title="Send this link" path={invite.data.path} days={invite.data.days} done={invite.reset} />
        )}
        <Waiting />
      </Stack>
    </Card>
  );
}

function Waiting() {
  const queries = useQueryClient();
  const invites = useQuery({ queryKey: ["invites"], queryFn: () => get(api.GET("/api/v1/invites")) });
  const withdraw = useMutation({
    mutationFn: (invite: string) => get(api.DELETE("/api/v1/invites/{invite}", { params: { path: { invite } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["invites"] }),
  });
  if (!invites.data?.invites.length) return null;
  return (
    <Table.ScrollContainer minWidth={280}>
      <Table captionSide="top">
        <Table.Caption ta="left">Links that still work</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>They still let in</Table.Th>
            <Table.Th>Until</Table.Th>
            <Table.Th aria-label="What can be done" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {invites.data.invites.map(({ id, role, uses_left, expires }) => (
            <Table.Tr key={id}>
              <Table.Td>{many(uses_left, role)}</Table.Td>
              <Table.Td>{momentOf(expires)}</Table.Td>
              <Table.Td ta="right">
                <Button size="compact-sm" variant="default" onClick={() => withdraw.mutate(id)}>
                  Withdraw
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
