/** How good a classifier is on labels that it never saw. */
import { Group, Stack, Table, Text } from "@mantine/core";
import { count, many } from "../app/words";
import { type Encoder, type FinetuneResult, withInterval } from "./results";
import classes from "./train.module.css";
import { UseIt } from "./UseIt";

const SPLIT = {
  place: "in other places than those that taught",
  time: "of later days than those that taught",
  random: "chosen at random, so that neighbours of what taught may be among them",
} as const;

export function ClassifierReport({
  result,
  encoder,
  chips,
}: {
  result: FinetuneResult;
  encoder?: Encoder;
  chips: number;
}) {
  const { metrics, picture, unmeasured, unreadable } = result;
  const rows = [
    ["Accuracy", metrics.accuracy],
    ["F1, mean of classes", metrics.f1],
    ["Average precision, mean of classes", metrics.average_precision],
  ] as const;
  return (
    <Stack gap="sm">
      <Text>
        {result.name} tells {result.classes.join(", ")} apart. {many(result.taught, "label")} taught it;{" "}
        {count(metrics.pictures)} others measured it, {SPLIT[result.split]}.
      </Text>
      <Table withRowBorders={false} maw={480}>
        <Table.Caption>
          In brackets: where it lies with 95% confidence, as far as the number of labels goes.
        </Table.Caption>
        <Table.Tbody>
          {rows.map(([name, figure]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={400}>
                {name}
              </Table.Th>
              <Table.Td>{withInterval(figure)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {unmeasured.length > 0 && (
        <Text size="sm">No label was left to measure {unmeasured.join(" and ")} on: label more of them.</Text>
      )}
      {unreadable > 0 && <Text size="sm">{many(unreadable, "picture")} could not be read.</Text>}
      {picture && (
        <img
          className={classes.confusion}
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture)}`}
          alt="Confusion matrix: rows are what chips are, columns what the classifier says"
        />
      )}
      {encoder && (
        <Group gap="sm">
          <Text size="sm">It is kept as {encoder.card.name}, and its vectors can be searched with, too.</Text>
          <UseIt encoder={encoder} chips={chips} />
        </Group>
      )}
    </Stack>
  );
}
