/** The bar at the top: name, connection, activity, commands, colours, and who I am. */
import {
  ActionIcon,
  Box,
  Burger,
  Button,
  Group,
  Indicator,
  Kbd,
  Text,
  Title,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { IconActivity, IconMoon, IconSearch, IconSun } from "@tabler/icons-react";
import { Link } from "wouter";
import { BASE } from "../api/client";
import { useJobs } from "../jobs/useJobs";
import { isActive } from "../jobs/words";
import { many } from "./words";

interface Props {
  connected: boolean;
  menuOpen: boolean;
  toggleMenu: () => void;
  openPalette: () => void;
  openActivity: () => void;
}

export function Header({ connected, menuOpen, toggleMenu, openPalette, openActivity }: Props) {
  return (
    <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
      <Group gap="sm" wrap="nowrap">
        <Burger
          opened={menuOpen}
          onClick={toggleMenu}
          hiddenFrom="sm"
          size="sm"
          aria-label={menuOpen ? "Close the menu" : "Open the menu"}
          aria-expanded={menuOpen}
        />
        <Link href="/" className="brand">
          <img src={`${BASE}icon.svg`} alt="" width={28} height={28} />
          <Title order={1} size="h4">
            Curator
          </Title>
        </Link>
      </Group>
      <Text size="sm" c="dimmed" role="status" truncate>
        {connected ? "" : "Not connected. Trying again…"}
      </Text>
      <Group gap={6} wrap="nowrap">
        <Button
          variant="default"
          size="xs"
          onClick={openPalette}
          leftSection={<IconSearch size={15} aria-hidden />}
          rightSection={<Kbd size="xs">Ctrl K</Kbd>}
          visibleFrom="sm"
        >
          Go to
        </Button>
        <Box hiddenFrom="sm">
          <ActionIcon variant="default" size={34} onClick={openPalette} aria-label="Go to">
            <IconSearch size={18} aria-hidden />
          </ActionIcon>
        </Box>
        <ActivityButton open={openActivity} />
        <Colours />
      </Group>
    </Group>
  );
}

function ActivityButton({ open }: { open: () => void }) {
  const running = useJobs().data?.jobs.filter(isActive).length ?? 0;
  return (
    <Indicator label={running} size={16} disabled={running === 0} offset={4}>
      <ActionIcon
        variant="default"
        size={34}
        onClick={open}
        aria-label={running ? `Activity: ${many(running, "job")} running` : "Activity"}
        title="Activity"
      >
        <IconActivity size={18} aria-hidden />
      </ActionIcon>
    </Indicator>
  );
}

function Colours() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const name = dark ? "Light colours" : "Dark colours";
  return (
    <ActionIcon
      variant="default"
      size={34}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
      aria-label={name}
      title={name}
    >
      {dark ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
    </ActionIcon>
  );
}
