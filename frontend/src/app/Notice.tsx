/** The three states of a page that has nothing to show: loading, failed, empty. */
import { Alert, Button, Center, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { asFault } from "../api/client";
import { sentence } from "./words";

const LONG = 8_000;

export function Loading({ what = "Loading" }: { what?: string }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Center mih={120} p="md">
      <Stack align="center" gap="xs" ta="center" role="status">
        <Loader aria-hidden />
        <Text size="sm" c="dimmed">
          {what}…
        </Text>
        {long && <Text size="sm">The server takes long to answer. You may wait, or come back later.</Text>}
      </Stack>
    </Center>
  );
}

export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  const fault = asFault(error);
  return (
    <Alert
      color={fault.status === 409 ? "blue" : "red"} // a conflict is no failure: there is something to do first
      variant="light"
      icon={<IconAlertTriangle aria-hidden />}
      title={sentence(fault.message)}
      role="alert"
    >
      <Group justify="space-between">
        {fault.hint && <Text size="sm">{sentence(fault.hint)}</Text>}
        {again && (
          <Button size="xs" variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

export const Empty = ({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) => (
  <Center mih={200} p="md">
    <Stack align="center" gap="xs" maw={460} ta="center">
      <Title order={3} size="h4">
        {title}
      </Title>
      {children && <Text c="dimmed">{children}</Text>}
      {action}
    </Stack>
  </Center>
);
