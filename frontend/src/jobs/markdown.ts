/** The little Markdown that a data card uses, as blocks. Nothing in it becomes markup: whoever shows it shows text. */

export type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "text"; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: string[]; rows: string[][] };

const cells = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => plain(cell.trim()));

/** Without the marks of emphasis, code and escapes; a link keeps its address. */
export const plain = (text: string): string =>
  text
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\[([^\]]*)\]\(([^)]*)\)/g, (_, name, address) => (name === address ? name : `${name} (${address})`))
    .replace(/\*\*([^*]+)\*\*/g, "$1")
    .replace(/`([^`]*)`/g, "$1")
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>~])/g, "$1")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&");

export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split(/\r?\n/);
  const blocks: Block[] = [];
  let at = 0;
  const take = (fits: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && fits(lines[at] as string)) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at] as string;
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (!line.trim()) at++;
    else if (heading) {
      blocks.push({ kind: "heading", level: (heading[1] as string).length, text: plain(heading[2] as string) });
      at++;
    } else if (line.startsWith("```")) {
      at++;
      blocks.push({ kind: "code", text: take((each) => !each.startsWith("```")).join("\n") });
      at++;
    } else if (/^( {4}|\t)/.test(line)) {
      const code = take((each) => /^( {4}|\t)/.test(each)).map((each) => each.replace(/^( {4}|\t)/, ""));
      blocks.push({ kind: "code", text: code.join("\n") });
    } else if (line.trim().startsWith("|")) {
      const [head, ...rows] = take((each) => each.trim().startsWith("|"))
        .filter((each) => !/^\s*\|[\s|:-]+\|?\s*$/.test(each))
        .map(cells);
      blocks.push({ kind: "table", head: head ?? [], rows });
    } else if (/^\s*[-*]\s+/.test(line)) {
      const items = take((each) => /^\s*[-*]\s+/.test(each)).map((each) => plain(each.replace(/^\s*[-*]\s+/, "")));
      blocks.push({ kind: "list", items });
    } else {
      const text = take((each) => !!each.trim() && !/^(#{1,6}\s|```|\s*\||\s*[-*]\s)/.test(each)).join(" ");
      if (text) blocks.push({ kind: "text", text: plain(text) });
      else at++;
    }
  }
  return blocks.filter((block) => block.kind !== "text" || block.text.trim() !== "");
}
