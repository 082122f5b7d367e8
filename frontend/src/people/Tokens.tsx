/** Tokens: how programs ask in somebody's name. */
import { Alert, Anchor, Button, Card, Group, NumberInput, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, get } from "../api/client";
import { momentOf } from "../app/words";
import { Copied } from "./SecretLink";

const KINDS = { token: "Token", session: "Browser", link: "Sign-in link" } as const;

export function Tokens() {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [days, setDays] = useState<number | string>(365);
  const fresh = { onSuccess: () => queries.invalidateQueries({ queryKey: ["tokens"] }) };
  const tokens = useQuery({ queryKey: ["tokens"], queryFn: () => get(api.GET("/api/v1/tokens")) });
  const make = useMutation({
    mutationFn: () => get(api.POST("/api/v1/tokens", { body: { name: name.trim(), days: Number(days) || 365 } })),
    ...fresh,
  });
  const revoke = useMutation({
    mutationFn: (token: string) => get(api.DELETE("/api/v1/tokens/{token}", { params: { path: { token } } })),
    ...fresh,
  });
  return (
    <Card withBorder>
      <Stack>
        <Title order={3} size="h4">
          Programs and browsers
        </Title>
        <Text size="sm" c="dimmed">
          A token lets a notebook or script ask in your name. Stop one here, and it lets nobody in any more. The
          extension for NASA Worldview is paired under{" "}
          <Anchor component={Link} href="/settings" size="sm" underline="always">
            Settings
          </Anchor>
          .
        </Text>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            make.mutate();
          }}
        >
          <Group align="flex-end" gap="sm">
            <TextInput
              label="What it is for"
              placeholder="notebook"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={80}
            />
            <NumberInput label="For days" value={days} onChange={setDays} min={1} max={3650} w={110} />
            <Button type="submit" loading={make.isPending}>
              Make a token
            </Button>
          </Group>
        </form>
        {make.data && (
          <Alert variant="light" title="It is shown this once" role="status">
            <Copied label="Send it as Authorization: Bearer …" value={make.data.secret} />
          </Alert>
        )}
        {tokens.data && tokens.data.tokens.length > 0 && (
          <Table.ScrollContainer minWidth={280}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>What</Table.Th>
                  <Table.Th visibleFrom="sm">Since</Table.Th>
                  <Table.Th>Until</Table.Th>
                  <Table.Th aria-label="What can be done" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {tokens.data.tokens.map((token) => (
                  <Table.Tr key={token.id}>
                    <Table.Td>
                      {KINDS[token.kind]}
                      {token.name && `: ${token.name}`}
                    </Table.Td>
                    <Table.Td visibleFrom="sm">{momentOf(token.created)}</Table.Td>
                    <Table.Td>{token.expires ? momentOf(token.expires) : "Stopped by hand"}</Table.Td>
                    <Table.Td ta="right">
                      <Button size="compact-sm" variant="default" onClick={() => revoke.mutate(token.id)}>
                        Stop
                      </Button>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Stack>
    </Card>
  );
}
