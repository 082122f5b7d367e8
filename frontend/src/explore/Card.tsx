/** One chip in the grid: its picture, how alike it is, and what can be done with it. */
import { ActionIcon, Skeleton } from "@mantine/core";
import { IconCheck, IconMinus, IconPlus } from "@tabler/icons-react";
import { type MouseEvent, memo } from "react";
import { thumbnailOf } from "../api/client";
import { CHIP_DRAG } from "./examples";
import classes from "./explore.module.css";
import type { Item } from "./items";
import type { Sign } from "./query";

export interface CardProps {
  item: Item | undefined;
  index: number;
  size: number;
  selected: boolean;
  onOpen: (index: number, event: MouseEvent) => void;
  onSelect: (index: number, event: MouseEvent) => void;
  onExample: (chip: string, sign: Sign) => void;
}

export const CAPTION = 20;

export const nameOf = (item: Item | undefined, index: number): string =>
  item === undefined
    ? `Chip ${index + 1}, loading`
    : [
        `Chip ${index + 1}`,
        item.score !== null && `likeness ${item.score.toFixed(2)}`,
        item.folder,
        item.time?.slice(0, 10),
        item.layer,
      ]
        .filter(Boolean)
        .join(", ");

export const Card = memo(function Card({ item, index, size, selected, onOpen, onSelect, onExample }: CardProps) {
  if (!item) return <Skeleton height={size} radius="sm" animate={false} />;
  const roomy = size >= 104;
  return (
    <div className={classes.card} data-selected={selected || undefined}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the grid has the keys */}
      <div
        className={classes.picture}
        style={{ height: size }}
        draggable
        onDragStart={(event) => {
          event.dataTransfer.setData(CHIP_DRAG, item.id);
          event.dataTransfer.effectAllowed = "copy";
        }}
        onClick={(event) => onOpen(index, event)}
      >
        <img src={thumbnailOf(item.id, size > 130 ? 256 : 128)} alt="" decoding="async" draggable={false} />
      </div>
      <ActionIcon
        className={classes.check}
        size={24}
        radius="xl"
        tabIndex={-1}
        variant={selected ? "filled" : "default"}
        aria-label={selected ? "Do not select" : "Select"}
        onClick={(event) => onSelect(index, event)}
      >
        <IconCheck size={15} />
      </ActionIcon>
      {roomy && (
        <div className={classes.signs}>
          <ActionIcon
            size={26}
            variant="default"
            tabIndex={-1}
            aria-label="More like this"
            title="More like this"
            onClick={() => onExample(item.id, "like")}
          >
            <IconPlus size={16} />
          </ActionIcon>
          <ActionIcon
            size={26}
            variant="default"
            tabIndex={-1}
            aria-label="Less like this"
            title="Less like this"
            onClick={() => onExample(item.id, "unlike")}
          >
            <IconMinus size={16} />
          </ActionIcon>
        </div>
      )}
      <div className={classes.caption}>
        {item.score !== null && <b>{item.score.toFixed(2)}</b>}
        {roomy && <span>{item.time?.slice(0, 10) ?? item.folder ?? ""}</span>}
      </div>
    </div>
  );
});
