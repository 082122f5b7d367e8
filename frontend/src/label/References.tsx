/** What the classes look like: the reference chips of the task, always in sight. */
import { Text } from "@mantine/core";
import { memo } from "react";
import { thumbnailOf } from "../api/client";
import type { Task } from "./types";

export const References = memo(function References({ task }: { task: Task }) {
  const shown = task.classes.flatMap((name) => {
    const chips = task.references?.[name] ?? [];
    return chips.length > 0 ? [{ name, chips }] : [];
  });
  if (shown.length === 0) return null;
  return (
    <aside className="label-refs" aria-label="Reference pictures">
      <div>
        {shown.map(({ name, chips }) => (
          <section key={name} aria-label={name}>
            <Text size="sm" fw={600} truncate>
              {name}
            </Text>
            <ul>
              {chips.slice(0, 12).map((chip, at) => (
                <li key={chip}>
                  <img src={thumbnailOf(chip, 128)} alt={`${name}, reference ${at + 1}`} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </aside>
  );
});
