/** The shortcuts as a table. */
import { Kbd, Table, Text } from "@mantine/core";
import { KEYS } from "./keys";

export const KeyTable = () => (
  <>
    {KEYS.map(({ where, keys }) => (
      <Table key={where} mb="md" captionSide="top">
        <Table.Caption ta="left">
          <Text fw={600} size="sm" c="var(--mantine-color-text)">
            {where}
          </Text>
        </Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={170}>Keys</Table.Th>
            <Table.Th>What they do</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map(([pressed, what]) => (
            <Table.Tr key={pressed}>
              <Table.Td>
                <Kbd>{pressed}</Kbd>
              </Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    ))}
  </>
);
