/** A field for a link to NASA Worldview. */
import { Anchor, Button, Group, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconWorldSearch } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { linkIn, WORLDVIEW } from "./worldview";

export function WorldviewLink({ name, take }: { name: string; take: (link: string) => void }) {
  const [opened, { toggle, close }] = useDisclosure();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const link = linkIn(typed);
    setWrong(link === null);
    if (link === null) return;
    close();
    setTyped("");
    take(link);
  };
  return (
    <Popover opened={opened} onChange={close} trapFocus returnFocus withinPortal position="bottom-start" shadow="md">
      <Popover.Target>
        <Button
          size="compact-sm"
          variant="light"
          leftSection={<IconWorldSearch size={16} aria-hidden />}
          aria-label={name}
          onClick={toggle}
        >
          Worldview
        </Button>
      </Popover.Target>
      <Popover.Dropdown w={420} maw="calc(100vw - 24px)">
        <form onSubmit={submit} noValidate>
          <Stack gap="sm">
            <TextInput
              data-autofocus
              label="Link to NASA Worldview"
              description="The address of the page while it shows what you mean. The middle of its map becomes the example."
              placeholder={`${WORLDVIEW}?v=…`}
              inputMode="url"
              autoComplete="off"
              spellCheck={false}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              error={wrong && `This is no link to Worldview. It begins with ${WORLDVIEW}`}
            />
            <Group justify="space-between" gap="xs">
              <Anchor href={WORLDVIEW} target="_blank" rel="noreferrer" size="sm">
                Open Worldview
              </Anchor>
              <Button type="submit" size="compact-md">
                Add the example
              </Button>
            </Group>
            <Text size="xs" c="dimmed">
              Often there? Search without leaving Worldview by{" "}
              <Anchor component={Link} href="/settings" size="xs" underline="always">
                a bookmark or the extension
              </Anchor>
              .
            </Text>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
