/** The labelling screen once the task is known: keys, buttons and swipes become decisions of the queue. */
import "./label.css";
import "./pick.css";
import { useDebouncedValue } from "@mantine/hooks";
import { useCallback, useDeferredValue, useEffect, useRef } from "react";
import { useSearchParams } from "wouter";
import type { Schemas } from "../api/client";
import { Answers } from "./Answers";
import { useDays, useNeighbours } from "./around";
import { EndOfWork } from "./EndOfWork";
import type { Said } from "./events";
import { Facts } from "./Facts";
import { Help } from "./Help";
import { type Action, isYesNo } from "./hotkeys";
import { NINE, OddOnes } from "./OddOnes";
import { useDecoded } from "./pictures";
import type { LabelQueue } from "./queue";
import { References } from "./References";
import { Stage } from "./Stage";
import { type Mode, StatusBar } from "./StatusBar";
import type { Card, LabelEvent, Task } from "./types";
import { useHelp, useKeys } from "./useKeys";
import { useSnapshot } from "./useLabelQueue";
import { useLook } from "./useLook";
import { useNews, useWhy } from "./useNews";
import { describe } from "./words";

/** In the grid, the numbers pick pictures. */
const NINE_KEYS = { classes: Array.from({ length: NINE }, (_, at) => String(at)), several: true };

interface Props {
  state: Schemas["TaskState"];
  queue: LabelQueue;
}

export function Labelling({ state: { task, counts }, queue }: Props) {
  const snapshot = useSnapshot(queue);
  const later = useDeferredValue(snapshot); // the next picture comes before the numbers
  const { cards } = snapshot;
  const first = cards[0] ?? null;
  const [params, setParams] = useSearchParams();
  const mode: Mode = params.get("mode") === "grid" && !task.several ? "grid" : "one";
  const look = useLook(first?.chip ?? "");
  const help = useHelp();
  const noteField = useRef<HTMLTextAreaElement>(null);
  const [settled] = useDebouncedValue(first?.chip, 300); // who answers at once is asked for no other days
  const days = useDays(first?.facts ?? null, mode === "one" && settled === first?.chip).data ?? [];
  const neighbours = useNeighbours(first?.facts ?? null, look.around).data;
  const why = useWhy(task, queue, first?.chip ?? "");
  useDecoded(cards);
  useNews(task, queue, snapshot);
  useEffect(() => queue.show(mode === "grid" ? NINE : 1), [queue, mode]);

  const setMode = (next: Mode) => setParams(next === "grid" ? { mode: "grid" } : {}, { replace: true });
  const say = (decision: Said["decision"], value: string[] = []) => queue.decide(decision, value, look.note);
  const choose = (at: number) => {
    const name = task.classes[at] ?? "";
    if (mode === "grid") {
      const chip = cards[at]?.chip;
      if (chip) look.toggle(chip);
    } else if (task.several) look.toggle(name);
    else say("label", [name]);
  };
  const choosePicked = () =>
    say(
      "label",
      task.classes.filter((name) => look.picked.has(name)),
    );
  const confirm = () => {
    if (mode === "grid") queue.decideAll(nineOf(task, cards, look.picked));
    else if (task.several) choosePicked();
  };
  const turn = (step: -1 | 1) => {
    const shown = days.findIndex((day) => day.id === (look.other ?? first?.facts)?.id);
    const next = days[shown + step];
    if (next) look.set({ other: next.id === first?.chip ? null : next, around: false });
  };
  const act = (action: Action) => {
    const one = mode === "one";
    if (action.do === "class") choose(action.at);
    if (action.do === "unsure" && one) say("unsure");
    if (action.do === "skip" && one) say("skip");
    if (action.do === "undo") queue.undo();
    if (action.do === "confirm") confirm();
    if (action.do === "note" && one) noteField.current?.focus();
    if (action.do === "zoom" && one) look.set({ zoomed: !look.zoomed });
    if (action.do === "context" && one) look.set({ around: !look.around });
    if (action.do === "earlier" && one) turn(-1);
    if (action.do === "later" && one) turn(1);
    if (action.do === "grid" && !task.several) setMode(one ? "grid" : "one");
    if (action.do === "help") help.open("keys");
  };
  useKeys(mode === "grid" ? NINE_KEYS : task, act);

  const latest = useRef(act);
  latest.current = act;
  const onAction = useCallback((action: Action) => latest.current(action), []);
  const sides = isYesNo(task) ? { left: task.classes[1] ?? "", right: task.classes[0] ?? "" } : null;
  return (
    <div className="label">
      <StatusBar task={task} counts={counts} snapshot={later} mode={mode} onAction={onAction} />
      <References task={task} />
      {first === null && <EndOfWork task={task.id} counts={counts} snapshot={snapshot} onMore={() => queue.more()} />}
      {first && mode === "grid" && (
        <OddOnes task={task} cards={cards} odd={look.picked} onToggle={look.toggle} onConfirm={confirm} />
      )}
      {first && mode === "one" && (
        <>
          <Stage
            cards={cards}
            zoomed={look.zoomed}
            other={look.other}
            around={look.around ? (neighbours ?? []) : null}
            sides={sides}
            swiped={(side) => choose(side === "right" ? 0 : 1)}
          />
          <div className="label-answers">
            <Answers task={task} picked={look.picked} onAction={onAction} />
          </div>
          <Facts
            task={task}
            chip={first.facts}
            why={why}
            days={days}
            other={look.other}
            note={look.note}
            noteField={noteField}
            zoomed={look.zoomed}
            around={look.around}
            onNote={(note) => look.set({ note })}
            onAction={onAction}
          />
        </>
      )}
      <div className="label-hidden" aria-live="polite">
        {lastSaid(snapshot.last?.events.length === 1 ? snapshot.last.events[0] : undefined)}{" "}
        {first && mode === "one" ? `Now: ${describe(first.facts)}` : ""}
      </div>
      <Help task={task} opened={help.opened} onTour={() => help.open("tour")} onClose={help.close} />
    </div>
  );
}

/** What a confirmed grid says: those picked are not of the first class. */
function nineOf(task: Task, cards: readonly Card[], odd: ReadonlySet<string>): Said[] {
  const [wanted = "", other = ""] = task.classes;
  return cards.slice(0, NINE).map(({ chip }) => {
    if (!odd.has(chip)) return { chip, decision: "label", value: [wanted] };
    return isYesNo(task) ? { chip, decision: "label", value: [other] } : { chip, decision: "skip" };
  });
}

function lastSaid(event?: LabelEvent): string {
  if (!event) return "";
  if (event.decision === "label") return `Answered ${event.value?.join(", ") || "none of them"}.`;
  return event.decision === "skip" ? "Skipped." : "Answered unsure.";
}
