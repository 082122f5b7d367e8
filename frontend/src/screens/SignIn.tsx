/** For those whom the server does not know: an invitation, a sign-in link, or a token. */
import { Alert, Button, Container, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, BASE, Fault, get } from "../api/client";
import { useTitle } from "../app/Page";
import { sentence } from "../app/words";

/** What stands after # in the link. */
function linked(): string {
  const written = window.location.hash.slice(1);
  try {
    return decodeURIComponent(written);
  } catch {
    return written; // no link of ours: the server says so
  }
}

/** Links look alike: what lets nobody in is an invitation, which takes a name, or nothing any more. */
async function enter(secret: string, name: string) {
  try {
    await get(api.POST("/api/v1/session", { body: { token: secret } }));
  } catch (error) {
    if (!(error instanceof Fault && error.status === 401)) throw error;
    if (!name)
      throw new Error(
        "Were you invited? Then write your name. Otherwise this link was used or has expired: ask for a new one.",
      );
    await get(api.POST("/api/v1/invites/accept", { body: { secret, name } }));
  }
}

export function SignIn() {
  useTitle("Sign in");
  const [secret, setSecret] = useState(linked);
  const [name, setName] = useState("");
  const signIn = useMutation({
    mutationFn: () => enter(secret, name.trim()),
    meta: { shown: true },
    onSuccess: () => window.location.replace(BASE), // the secret leaves the address, and everything starts anew
  });
  return (
    <Container size={420} my="xl" component="main">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <Stack>
          <Title order={1} size="h2">
            Sign in to Curator
          </Title>
          {!linked() && <Text>Have you no link? An owner of this project can give you one.</Text>}
          {signIn.error && <Alert color="red">{sentence(signIn.error.message)}</Alert>}
          <PasswordInput
            label="Your link's secret or token"
            description="What stands after # in your link, or a token that begins with cur_."
            value={secret}
            onChange={(event) => setSecret(event.currentTarget.value.trim())}
            required
          />
          <TextInput
            label="Your name"
            description="Only if you were invited and are here for the first time."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="name"
          />
          <Button type="submit" loading={signIn.isPending} disabled={!secret}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Container>
  );
}
