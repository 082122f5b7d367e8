/** A screen: its title, in the tab too, what can be done at the top, and the rest below. */
import { Group, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";

interface Props {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  width?: number;
}

/** The name of the tab; null while it is not known. */
export function useTitle(title: string | null) {
  useEffect(() => {
    if (title !== null) document.title = `${title} – Curator`;
  }, [title]);
}

export function Page({ title, lead, actions, children, width = 1100 }: Props) {
  useTitle(title);
  return (
    <Stack maw={width} gap="lg" pb="xl">
      <Group justify="space-between" align="flex-start" gap="sm">
        <div>
          <Title order={2}>{title}</Title>
          {lead && (
            <Text c="dimmed" component="div">
              {lead}
            </Text>
          )}
        </div>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}
