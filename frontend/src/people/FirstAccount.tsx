/** Without accounts, whoever uses this machine is owner, and nobody else comes in. The first account changes that. */
import { Button, Card, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, BASE, get } from "../api/client";

export function FirstAccount() {
  const [name, setName] = useState("");
  const begin = useMutation({
    mutationFn: async () => {
      const { link } = await get(api.POST("/api/v1/people", { body: { name: name.trim(), role: "owner" } }));
      await get(api.POST("/api/v1/session", { body: { token: link.secret } })); // this browser stays in
    },
    onSuccess: () => window.location.replace(`${BASE}share`),
  });
  return (
    <Card withBorder>
      <Stack>
        <Title order={3} size="h4">
          Label together
        </Title>
        <Text>
          Nobody has an account yet: whoever uses this machine may do everything, and nobody else can come in. To share
          the project, make an account for yourself. Then you can invite people with a link.
        </Text>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            begin.mutate();
          }}
        >
          <Group align="flex-end" gap="sm">
            <TextInput
              label="Your name"
              description="Your labels are kept under it."
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              autoComplete="name"
              maxLength={80}
              required
            />
            <Button type="submit" loading={begin.isPending} disabled={!name.trim()}>
              Make my account
            </Button>
          </Group>
        </form>
        <Text size="sm" c="dimmed">
          You become the owner, and this browser stays signed in. From then on every browser has to sign in, here too.
          For people on other machines, the server must be reachable: <code>curator serve --host 0.0.0.0</code>, best
          behind a proxy with HTTPS.
        </Text>
      </Stack>
    </Card>
  );
}
