/** The card: the picture that is asked about, and behind it the next ones, already decoded. */
import { useEffect, useRef, useState } from "react";
import { thumbnailOf } from "../api/client";
import { placeIn } from "./around";
import { sourceOf } from "./pictures";
import { type Side, useSwipe } from "./swipe";
import type { Card, Chip } from "./types";
import { dayOf, describe } from "./words";

const BEHIND = 3;
const SIDES = 3;

interface Props {
  cards: readonly Card[];
  zoomed: boolean;
  /** Another day of the same place, shown in place of the picture that is asked about. */
  other: Chip | null;
  /** What lies around, when it is wanted. */
  around: readonly Chip[] | null;
  /** What a swipe to the left and to the right means; null where swiping means nothing. */
  sides: { left: string; right: string } | null;
  swiped: (side: Side) => void;
}

export function Stage({ cards, zoomed, other, around, sides, swiped }: Props) {
  const swipe = useSwipe(sides && !zoomed ? swiped : null);
  const first = cards[0];
  const view = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const card = view.current; // the middle is what one wants to see larger
    if (zoomed) card?.scrollTo((card.scrollWidth - card.clientWidth) / 2, (card.scrollHeight - card.clientHeight) / 2);
    else card?.scrollTo(0, 0);
  }, [zoomed]);
  if (!first) return null;
  return (
    <div className="label-stage">
      <div ref={view} className={zoomed ? "label-card zoomed" : "label-card"} {...swipe}>
        {sides && (
          <>
            <span className="label-lean left" aria-hidden="true">
              {sides.left}
            </span>
            <span className="label-lean right" aria-hidden="true">
              {sides.right}
            </span>
          </>
        )}
        {cards.slice(0, 1 + BEHIND).map((card, at) => (
          <Picture key={card.chip} card={card} now={at === 0 && !other && !around} />
        ))}
        {other && !around && (
          <img className="now" src={sourceOf(other.id, other)} alt={describe(other)} draggable={false} />
        )}
        {around && first.facts && <Around chip={first.facts} others={around} />}
      </div>
      {other && !around && (
        <div className="label-note" role="status">
          This is {dayOf(other)}. You are asked about {first.facts ? dayOf(first.facts) : "the other day"}.
        </div>
      )}
      {first.again && !other && (
        <div className="label-note">You skipped this picture before. Nothing else is left for you.</div>
      )}
    </div>
  );
}

function Picture({ card, now }: { card: Card; now: boolean }) {
  const [broken, setBroken] = useState(false);
  return (
    <>
      <img
        className={now ? "now" : ""}
        src={sourceOf(card.chip, card.facts)}
        alt={now ? describe(card.facts) : ""}
        aria-hidden={!now}
        decoding="sync"
        draggable={false}
        onError={() => setBroken(true)}
      />
      {now && broken && (
        <div className="label-note" role="status">
          This picture cannot be loaded. Skip it, or try again when the connection is back.
        </div>
      )}
    </>
  );
}

function Around({ chip, others }: { chip: Chip; others: readonly Chip[] }) {
  const shown = [...others.filter((other) => other.id !== chip.id), chip];
  return (
    <div className="label-around" role="img" aria-label={`${describe(chip)}, with ${shown.length - 1} neighbours`}>
      {shown.map((other) => {
        const place = placeIn(chip, other, SIDES);
        if (!place) return null;
        const style = Object.fromEntries(Object.entries(place).map(([name, share]) => [name, `${share * 100}%`]));
        const here = other.id === chip.id;
        return (
          <img key={other.id} className={here ? "now here" : "now"} style={style} src={thumbnailOf(other.id)} alt="" />
        );
      })}
    </div>
  );
}
