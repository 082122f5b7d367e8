/** Whether a new encoder is better, in words and in figures from chips that it never saw. */
import { Group, Stack, Table, Text } from "@mantine/core";
import { count, many, sentence } from "../app/words";
import { type Encoder, gainOf, share, type TrainResult } from "./results";
import { UseIt } from "./UseIt";

export function Verdict({ result, encoder, chips }: { result: TrainResult; encoder?: Encoder; chips: number }) {
  const { verdict = "", comparisons = [], name, asked = 0, chips: learned = 0 } = result;
  return (
    <Stack gap="sm">
      <Text>{sentence(verdict)}</Text>
      {comparisons.length > 0 && (
        <Table.ScrollContainer
          minWidth={480}
          scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "group", "aria-label": "Figures" } }}
        >
          <Table>
            <Table.Caption>
              {name} on chips that it never saw; it learned from {many(learned, "chip")}. In brackets: where the
              difference lies with 95% confidence, in percentage points.
            </Table.Caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Measured by</Table.Th>
                <Table.Th>Chips</Table.Th>
                <Table.Th>It</Table.Th>
                <Table.Th>Against</Table.Th>
                <Table.Th>Difference</Table.Th>
                <Table.Th>So it is</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {comparisons.map((found) => (
                <Table.Tr key={`${found.other} ${found.on}`}>
                  <Table.Td>{found.on}</Table.Td>
                  <Table.Td>{count(found.chips ?? asked)}</Table.Td>
                  <Table.Td>{share(found.new)}</Table.Td>
                  <Table.Td>
                    {share(found.old)} of {found.other}
                  </Table.Td>
                  <Table.Td>{gainOf(found.gain)}</Table.Td>
                  <Table.Td>{found.outcome}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {encoder && (
        <Group gap="sm">
          <Text size="sm">It is kept as {encoder.card.name}.</Text>
          <UseIt encoder={encoder} chips={chips} />
        </Group>
      )}
    </Stack>
  );
}
