/** Nothing to ask: why, and what can be done now. */
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { Loading } from "../app/Notice";
import { many } from "../app/words";
import type { Snapshot } from "./types";

interface Props {
  task: string;
  counts: Schemas["Counts"];
  snapshot: Snapshot;
  onMore: () => void;
}

export function EndOfWork({ task, counts, snapshot, onMore }: Props) {
  if (snapshot.state === "loading" || snapshot.cards.length > 0 || !snapshot.online) {
    return (
      <Stack className="label-stage" align="center" justify="center" p="md">
        {snapshot.online ? <Loading what="Loading the pictures" /> : <Text ta="center">{OFFLINE}</Text>}
      </Stack>
    );
  }
  const { title, text } = reason(counts);
  return (
    <Stack className="label-stage" align="center" justify="center" p="md" role="status">
      <Title order={3} ta="center">
        {title}
      </Title>
      <Text ta="center" maw="34rem">
        {text} {snapshot.times.length > 0 && `You answered ${many(snapshot.times.length, "picture")} in this visit.`}
      </Text>
      <Group justify="center">
        <Button variant="default" onClick={onMore}>
          Look again
        </Button>
        <Button component={Link} href={`/tasks/${task}/insights`}>
          What was found
        </Button>
      </Group>
    </Stack>
  );
}

const OFFLINE = "The server does not answer, and all pictures that were loaded are answered. Going on by itself.";

/** Why there is nothing for me. */
export function reason(counts: Schemas["Counts"]): { title: string; text: string } {
  if (counts.slots === 0) return { title: "This task has no pictures", text: "A curator can add some on Explore." };
  if (counts.done >= counts.slots) return { title: "All done", text: "Every picture of this task has its answers." };
  if (counts.free === 0) {
    const text = `${many(counts.leased, "picture")} ${counts.leased === 1 ? "is" : "are"} on the screens of others. If they leave, you are asked, without reloading.`;
    return { title: "Others have the rest", text };
  }
  return {
    title: "You have answered all that you can",
    text: `${many(counts.free, "opinion")} of other people ${counts.free === 1 ? "is" : "are"} still wanted.`,
  };
}
