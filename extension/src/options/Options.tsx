/** The settings: which server, and which task labels go to. */
import { Alert, Anchor, Button, Card, Group, List, NativeSelect, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Fault } from "../../../frontend/src/api/client";
import { Failed, Loading } from "../../../frontend/src/app/Notice";
import { many } from "../../../frontend/src/app/words";
import { type Connection, permissionFor, saveConnection, serverAddress, setDefaultTask } from "../connection";
import { useConnection } from "../panel/hooks";
import { useTasks } from "../panel/Tasks";
import { WORLDVIEW } from "../worldview";
import classes from "./options.module.css";
import { allow, codeOf, pair, test } from "./pairing";

export function Options() {
  const connection = useConnection();
  return (
    <main className={classes.page}>
      <Group gap="sm" mb="md">
        <img src="icons/48.png" alt="" width={40} height={40} />
        <Title order={1} size="h3">
          Curator for NASA Worldview
        </Title>
      </Group>
      {connection === undefined && <Loading />}
      {connection === null && <Connect />}
      {connection && <Connected key={connection.token} connection={connection} />}
    </main>
  );
}

function Connect() {
  const [address, setAddress] = useState("http://127.0.0.1:8000");
  const [code, setCode] = useState("");
  const connecting = useMutation({
    mutationFn: async (server: Promise<string>) => saveConnection(await pair(await server, code)),
    meta: { shown: true },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    connecting.mutate(allowed(address)); // at once: browsers ask a person within the click only
  };
  return (
    <Card withBorder component="section" aria-label="Connect">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Title order={2} size="h4">
            Connect to your server
          </Title>
          <List type="ordered" size="sm">
            <List.Item>
              Open Curator, go to Settings and choose “Pair a browser”. It shows a code of 8 characters.
            </List.Item>
            <List.Item>Type the code here within ten minutes.</List.Item>
            <List.Item>The browser asks whether Curator may reach your server. Allow it.</List.Item>
          </List>
          <TextInput
            label="Server address"
            description="Where you open Curator in a browser"
            inputMode="url"
            autoComplete="url"
            required
            value={address}
            onChange={({ currentTarget }) => setAddress(currentTarget.value)}
          />
          <TextInput
            label="Pairing code"
            placeholder="ABCD-2345"
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            required
            classNames={{ input: classes.code ?? "" }}
            value={code}
            onChange={({ currentTarget }) => setCode(currentTarget.value)}
          />
          <Group>
            <Button type="submit" loading={connecting.isPending} disabled={codeOf(code).length !== 8}>
              Connect
            </Button>
          </Group>
          {connecting.error && <Failed error={connecting.error} />}
        </Stack>
      </form>
    </Card>
  );
}

/** The server at an address that a person typed, once the browser may reach it. */
async function allowed(address: string): Promise<string> {
  const server = serverAddress(address);
  if (!server) throw new Fault(0, "NoAddress", `“${address}” is not an address`, "Such as http://127.0.0.1:8000");
  await allow(server);
  return server;
}

function Connected({ connection }: { connection: Connection }) {
  const { server, project, person, version } = connection;
  const trial = useMutation({ mutationFn: () => test(connection), meta: { shown: true } });
  const forget = async () => {
    await saveConnection(null);
    await chrome.permissions.remove({ origins: [permissionFor(server)] }).catch(() => false); // others may need it
  };
  return (
    <Stack>
      <Card withBorder component="section" aria-label="Connection">
        <Stack gap="sm">
          <Title order={2} size="h4">
            Connected to {project.name}
          </Title>
          <dl className={classes.facts}>
            <dt>Server</dt>
            <dd>
              <Anchor href={server} target="_blank" rel="noopener">
                {server}
              </Anchor>
            </dd>
            <dt>Version</dt>
            <dd>{version}</dd>
            <dt>You are</dt>
            <dd>
              {person.name} ({person.role})
            </dd>
          </dl>
          <DefaultTask connection={connection} />
          <Group>
            <Button onClick={() => trial.mutate()} loading={trial.isPending}>
              Test connection
            </Button>
            <Button variant="default" onClick={forget}>
              Forget this server
            </Button>
          </Group>
          {trial.data && (
            <Alert color="green" variant="light" icon={<IconCheck aria-hidden />} role="status">
              It works: Curator {trial.data.version}, {many(trial.data.chips, "chip")}.
            </Alert>
          )}
          {trial.error && <Failed error={trial.error} />}
        </Stack>
      </Card>
      <Text size="sm" c="dimmed">
        Now open{" "}
        <Anchor href={WORLDVIEW} target="_blank" rel="noopener" size="sm" underline="always">
          NASA Worldview
        </Anchor>{" "}
        and press Alt+Shift+S, or the Curator button in the toolbar. Forgetting takes the token off this browser; who
        looks after the server can revoke it there, too.
      </Text>
    </Stack>
  );
}

function DefaultTask({ connection }: { connection: Connection }) {
  const { data: tasks } = useTasks();
  if (!tasks?.length) return null;
  return (
    <NativeSelect
      label="Labels go to"
      description="Unless you choose another task beside the results"
      value={connection.task ?? ""}
      data={[
        { value: "", label: "The first task" },
        ...tasks.map(({ task: { id, question } }) => ({ value: id, label: question })),
      ]}
      onChange={({ currentTarget: { value } }) => setDefaultTask(value || null)}
    />
  );
}
