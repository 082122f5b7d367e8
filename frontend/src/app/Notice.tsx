/** The three states of a page that has nothing to show: loading, failed, empty. */
import { Alert, Button, Center, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Fault } from "../api/client";
import { sentence } from "./words";

export const Loading = ({ what = "Loading" }: { what?: string }) => (
  <Center mih={160}>
    <Loader aria-label={what} role="status" />
  </Center>
);

export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  const fault = error instanceof Fault ? error : new Fault(0, "Defect", String(error), "");
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertTriangle aria-hidden />}
      title={sentence(fault.message)}
      role="alert"
    >
      <Group justify="space-between">
        <Text size="sm">{sentence(fault.hint || "Nothing was changed.")}</Text>
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
