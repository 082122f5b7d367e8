/** One encoder: what it is, how much of the project it has seen, and what can be done with it. */
import { Badge, Group, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { count, many } from "../app/words";
import type { Encoder } from "./results";
import { UseIt } from "./UseIt";

export function EncoderCard({ encoder, chips }: { encoder: Encoder; chips: number }) {
  const { card, default: chosen, vectors } = encoder;
  return (
    <Paper withBorder p="md" component="article" aria-label={card.name}>
      <Stack gap="sm" h="100%">
        <Group justify="space-between">
          <Title order={4} size="h4" style={{ overflowWrap: "anywhere" }}>
            {card.name}
          </Title>
          {chosen && (
            <Badge variant="light" tt="none">
              Searches use it
            </Badge>
          )}
        </Group>
        <Text size="sm">
          {many(card.dim, "number")} a chip,{" "}
          {card.input_size === 0
            ? "vectors only: they were made elsewhere, and it cannot see other pictures."
            : `pictures of ${card.input_size} × ${card.input_size} pixels.`}
          {(card.classes ?? []).length > 0 && ` Tells ${(card.classes ?? []).join(", ")} apart.`}
        </Text>
        <Facts card={card} />
        <div style={{ marginTop: "auto" }}>
          <Text size="sm">
            {chips === 0
              ? "There are no chips yet."
              : vectors >= chips
                ? `Has seen ${chips === 1 ? "the only chip" : `all ${count(chips)} chips`}.`
                : `Has seen ${count(vectors)} of ${many(chips, "chip")}.`}
          </Text>
          {chips > 0 && (
            <Progress
              value={Math.min(100, (100 * vectors) / chips)}
              mt={4}
              aria-label={`Chips that ${card.name} has seen`}
            />
          )}
        </div>
        <Group gap="xs">
          <UseIt encoder={encoder} chips={card.input_size === 0 ? vectors : chips} />
        </Group>
      </Stack>
    </Paper>
  );
}

function Facts({ card }: { card: Encoder["card"] }) {
  const facts = [
    ["Trained by", card.method],
    ["Trained on", card.trained_on],
    ["Credit", card.attribution],
  ].filter(([, said]) => said && said !== "unknown");
  return (
    <details>
      <summary style={{ cursor: "pointer", minHeight: 24 }}>
        <Text span size="sm">
          Licence {card.licence}. How it was made and measured
        </Text>
      </summary>
      <dl style={{ margin: "8px 0 0" }}>
        {[
          ...facts,
          ...Object.entries(card.metrics ?? {}).map(([name, value]) => [name, value.toLocaleString("en")]),
        ].map(([name, said]) => (
          <div key={name} style={{ marginBottom: 6 }}>
            <Text component="dt" size="sm" c="dimmed">
              {name}
            </Text>
            <dd style={{ margin: 0, overflowWrap: "anywhere", fontSize: "var(--mantine-font-size-sm)" }}>{said}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
