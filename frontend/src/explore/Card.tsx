/** One chip in the grid: its picture, how alike it is, and what can be done with it. */
import { ActionIcon, Skeleton } from "@mantine/core";
import { IconCheck, IconMinus, IconPlus, IconUser } from "@tabler/icons-react";
import { type MouseEvent, memo } from "react";
import { thumbnailOf } from "../api/client";
import { CHIP_DRAG } from "./examples";
import classes from "./explore.module.css";
import type { Item } from "./items";
import type { Said } from "./labelMap";
import type { Sign } from "./query";

export interface CardProps {
  item: Item | undefined;
  index: number;
  size: number;
  selected: boolean;
  said: Said | null;
  color: string | undefined; // of what was said
  onOpen: (index: number, event: MouseEvent) => void;
  onSelect: (index: number, event: MouseEvent) => void;
  onExample: (chip: string, sign: Sign) => void;
}

export const CAPTION = 20;

export const nameOf = (item: Item | undefined, said: Said | null, index: number): string =>
  item === undefined
    ? `Chip ${index + 1}, loading`
    : [
        `Chip ${index + 1}`,
        item.score !== null && `${item.learnt ? "score" : "likeness"} ${item.score.toFixed(2)}`,
        item.folder,
        item.time?.slice(0, 10),
        item.layer,
        said && `${said.text}${said.mine ? "" : " by somebody else"}`,
      ]
        .filter(Boolean)
        .join(", ");

export const Card = memo(function Card(props: CardProps) {
  const { item, index, size, selected, said, color, onOpen, onSelect, onExample } = props;
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
        {said && (
          <span className={classes.said} title={said.mine ? said.text : `${said.text}, by somebody else`}>
            <span style={{ background: color }} data-none={!color || undefined} />
            {roomy && <b>{said.text}</b>}
            {!said.mine && <IconUser size={12} aria-hidden="true" />}
          </span>
        )}
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
