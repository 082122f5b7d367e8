/** What a person prefers in this browser, who they are, which browsers search in their name, and the keys. */
import {
  Anchor,
  Button,
  Card,
  Group,
  SegmentedControl,
  Stack,
  Switch,
  Text,
  Title,
  useMantineColorScheme,
} from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { api, BASE, get } from "../api/client";
import { KeyTable } from "../app/KeyTable";
import { Page } from "../app/Page";
import { setPrefs, usePrefs } from "../app/prefs";
import { useMe } from "../app/who";
import { Browsers } from "../people/Browsers";
import { roleName } from "../people/words";

export default function Settings() {
  return (
    <Page title="Settings" lead="They are yours, and change nothing for anybody else." width={760}>
      <Looks />
      <Account />
      <Browsers />
      <Card withBorder>
        <Title order={3} size="h4" mb="xs">
          Keyboard shortcuts
        </Title>
        <KeyTable />
      </Card>
      <About />
    </Page>
  );
}

function Looks() {
  const { density, singleKeys } = usePrefs();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Card withBorder>
      <Stack>
        <Group justify="space-between">
          <Text id="colours">Colours</Text>
          <SegmentedControl
            aria-labelledby="colours"
            value={colorScheme}
            onChange={(value) => setColorScheme(value as typeof colorScheme)}
            data={[
              { value: "auto", label: "As the system" },
              { value: "light", label: "Light" },
              { value: "dark", label: "Dark" },
            ]}
          />
        </Group>
        <Group justify="space-between">
          <Text id="density">Density</Text>
          <SegmentedControl
            aria-labelledby="density"
            value={density}
            onChange={(value) => setPrefs({ density: value as typeof density })}
            data={[
              { value: "comfortable", label: "Comfortable" },
              { value: "compact", label: "Compact" },
            ]}
          />
        </Group>
        <Switch
          label="Single keys are shortcuts"
          description="Turn it off if you speak to your computer, or press keys by accident. Ctrl K always works."
          checked={singleKeys}
          onChange={(event) => setPrefs({ singleKeys: event.currentTarget.checked })}
        />
        <Text size="sm" c="dimmed">
          Reduced motion and high contrast follow your system.
        </Text>
      </Stack>
    </Card>
  );
}

function Account() {
  const me = useMe();
  const signOut = useMutation({
    mutationFn: () => get(api.DELETE("/api/v1/session")),
    onSuccess: () => window.location.replace(BASE),
  });
  if (!me.data) return null;
  const { person, accounts } = me.data;
  return (
    <Card withBorder>
      <Group justify="space-between">
        <div>
          <Text>{accounts ? `You are ${person.name}` : "You use this machine, without an account"}</Text>
          <Text size="sm" c="dimmed">
            {roleName(person.role)}
          </Text>
        </div>
        {accounts && (
          <Button variant="default" loading={signOut.isPending} onClick={() => signOut.mutate()}>
            Sign out
          </Button>
        )}
      </Group>
    </Card>
  );
}

function About() {
  const version = useQuery({
    queryKey: ["version"],
    queryFn: () => get(api.GET("/healthz")),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Text size="sm" c="dimmed">
      Curator {version.data?.version}. The API that this app uses is described at{" "}
      <Anchor href={`${BASE}api/v1/openapi.json`} size="sm" underline="always">
        api/v1/openapi.json
      </Anchor>
      . Imagery from NASA GIBS: please acknowledge NASA's Global Imagery Browse Services when you publish.
    </Text>
  );
}
