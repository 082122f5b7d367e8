/** Markdown shown as text, tables and lists; see `blocksOf`. */
import { Code, List, Table, Text, Title } from "@mantine/core";
import { type Block, blocksOf } from "./markdown";

export const Markdown = ({ text }: { text: string }) =>
  // biome-ignore lint/suspicious/noArrayIndexKey: the text never changes
  blocksOf(text).map((block, at) => <Shown key={at} block={block} />);

function Shown({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return (
        <Title order={Math.min(block.level + 2, 6) as 3} size={block.level === 1 ? "h3" : "h5"} mt="md" mb={4}>
          {block.text}
        </Title>
      );
    case "text":
      return <Text mb="xs">{block.text}</Text>;
    case "code":
      return (
        <Code block mb="xs">
          {block.text}
        </Code>
      );
    case "list":
      return (
        <List mb="xs">
          {block.items.map((item) => (
            <List.Item key={item}>{item}</List.Item>
          ))}
        </List>
      );
    default:
      return (
        <Table.ScrollContainer minWidth={300} mb="xs">
          <Table data={{ head: block.head, body: block.rows }} />
        </Table.ScrollContainer>
      );
  }
}
