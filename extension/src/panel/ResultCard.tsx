/** One result: its picture, how alike it is, when and where, and what can be done with it. */
import { ActionIcon } from "@mantine/core";
import { IconCheck, IconMinus, IconPlaneDeparture, IconPlus, IconQuestionMark, IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { thumbnailOf } from "../../../frontend/src/api/client";
import shared from "../../../frontend/src/explore/explore.module.css";
import type { Sign } from "../../../frontend/src/explore/query";
import { placeOf } from "./filters";
import type { Hit } from "./hits";
import type { Mark } from "./marks";
import { Picture } from "./Picture";
import classes from "./panel.module.css";

export const CAPTION = 36;

const MARKS: Record<Mark, { icon: typeof IconCheck; color: string }> = {
  yes: { icon: IconCheck, color: "teal.9" },
  no: { icon: IconX, color: "red.9" },
  unsure: { icon: IconQuestionMark, color: "gray.7" },
};

interface ResultCardProps {
  hit: Hit;
  size: number;
  marks: readonly Mark[];
  said: Mark | null;
  /** What was said, in words. It may be a class that no mark stands for at the moment. */
  label: string | null;
  /** The class that a mark stands for, in words. */
  meaning: (mark: Mark) => string;
  onMark: (mark: Mark) => void;
  onExample: (sign: Sign) => void;
  onFly: () => void;
}

export function ResultCard({ hit, size, marks, said, label, meaning, onMark, onExample, onFly }: ResultCardProps) {
  return (
    <div className={classes.card} title={label ?? undefined}>
      <div className={shared.picture} style={{ height: size }}>
        <Picture path={thumbnailOf(hit.chip, 256)} alt="" />
      </div>
      <div className={classes.above}>
        <Action name="More like this" onClick={() => onExample("like")}>
          <IconPlus size={15} />
        </Action>
        <Action name="Less like this" onClick={() => onExample("unlike")}>
          <IconMinus size={15} />
        </Action>
        <Action name="Fly there on Worldview" onClick={onFly}>
          <IconPlaneDeparture size={15} />
        </Action>
      </div>
      <div className={classes.below} style={{ top: size - 32 }}>
        {marks.map((mark) => {
          const { icon: Icon, color } = MARKS[mark];
          const on = said === mark && label === meaning(mark);
          return (
            <Action
              key={mark}
              name={on ? `${meaning(mark)}: take it back` : meaning(mark)}
              on={on}
              color={color}
              onClick={() => onMark(mark)}
            >
              <Icon size={15} />
            </Action>
          );
        })}
      </div>
      <div className={`${shared.caption} ${classes.line}`}>
        <b>{hit.score.toFixed(2)}</b>
        <span>{hit.time?.slice(0, 10) ?? ""}</span>
      </div>
      <div className={`${shared.caption} ${classes.line}`} title={hit.layer ?? undefined}>
        <span>{hit.center ? placeOf(hit.center) : (hit.layer ?? "")}</span>
      </div>
    </div>
  );
}

interface ActionProps {
  name: string;
  on?: boolean;
  color?: string;
  onClick: () => void;
  children: ReactNode;
}

/** The grid has the keys; these are for pointers, and for who explores by touch. */
const Action = ({ name, on = false, color = "gray.7", onClick, children }: ActionProps) => (
  <ActionIcon
    size={28}
    tabIndex={-1}
    variant={on ? "filled" : "default"}
    {...(on && { color, "data-on": true })}
    aria-label={name}
    aria-pressed={on}
    title={name}
    onClick={onClick}
  >
    {children}
  </ActionIcon>
);
