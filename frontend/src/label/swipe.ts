/** Dragging the card left or right, by pen, finger or mouse. Buttons and keys do the same. */
import { type PointerEvent, useRef } from "react";

export type Side = "left" | "right";

const FAR = 0.28; // of the card's width
const FAST = 0.5; // pixels a millisecond
const LEAST = 24; // pixels: less is a tap

interface Drag {
  x: number;
  y: number;
  time: number;
  pointer: number;
}

/** Which side a drag went to; null when it was too short and too slow, or rather up or down. */
export function sideOf(dx: number, dy: number, milliseconds: number, width: number): Side | null {
  if (Math.abs(dx) < LEAST || Math.abs(dy) > Math.abs(dx)) return null;
  const far = Math.abs(dx) > FAR * width;
  const fast = Math.abs(dx) / Math.max(milliseconds, 1) > FAST;
  if (!far && !fast) return null;
  return dx > 0 ? "right" : "left";
}

/** Handlers for the card. It follows the pointer by two CSS variables, without a render. */
export function useSwipe(swiped: ((side: Side) => void) | null) {
  const drag = useRef<Drag | null>(null);

  const lean = (card: HTMLElement, dx: number) => {
    card.style.setProperty("--dx", `${dx}px`);
    card.style.setProperty("--turn", `${dx / 40}deg`);
    card.dataset.lean = Math.abs(dx) < LEAST ? "" : dx > 0 ? "right" : "left";
  };

  const end = (event: PointerEvent<HTMLElement>) => {
    const from = drag.current;
    drag.current = null;
    if (!from || from.pointer !== event.pointerId) return;
    lean(event.currentTarget, 0);
    if (event.type !== "pointerup") return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    const side = sideOf(dx, dy, event.timeStamp - from.time, event.currentTarget.clientWidth);
    if (side) swiped?.(side);
  };

  if (!swiped) return {};
  return {
    onPointerDown(event: PointerEvent<HTMLElement>) {
      if (!event.isPrimary || event.button !== 0) return;
      drag.current = { x: event.clientX, y: event.clientY, time: event.timeStamp, pointer: event.pointerId };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove(event: PointerEvent<HTMLElement>) {
      if (drag.current?.pointer === event.pointerId) lean(event.currentTarget, event.clientX - drag.current.x);
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
}
