/** Which of the palette's choices fit what is typed: every word somewhere, those that begin with it first. */

export interface Choice {
  name: string;
  group: string;
  /** More words that find it. */
  words?: string;
  run: () => void;
}

export function fitting(choices: readonly Choice[], typed: string): Choice[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = choices.flatMap((choice, order) => {
    const text = `${choice.name} ${choice.group} ${choice.words ?? ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return [];
    const begins = words[0] !== undefined && choice.name.toLowerCase().startsWith(words[0]);
    return [{ choice, rank: (begins ? 0 : 1e6) + order }];
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ choice }) => choice);
}
