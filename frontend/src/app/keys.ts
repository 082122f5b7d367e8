/** The shortcuts of the app, in one table: the help page, the settings and the frame read it. */
import { prefs } from "./prefs";

export interface KeyGroup {
  where: string;
  keys: readonly (readonly [keys: string, what: string])[];
}

export const KEYS: readonly KeyGroup[] = [
  {
    where: "Everywhere",
    keys: [
      ["Ctrl K", "Go to a screen or a task, or do something"],
      ["?", "Show the shortcuts"],
      ["G then P", "Go to the project"],
      ["G then I", "Go to Get imagery"],
      ["G then E", "Go to Explore and find"],
      ["G then L", "Go to Label"],
      ["G then D", "Go to Datasets"],
      ["G then A", "Open the activity"],
      ["Esc", "Close what is open"],
    ],
  },
  {
    where: "Labelling",
    keys: [
      ["Y or →", "Yes: the first class"],
      ["N or ←", "No: the second class"],
      ["1 – 9", "The class of that number"],
      ["U or ↓", "Unsure"],
      ["S or ↑", "Skip"],
      ["Z or Backspace", "Undo, as often as you like"],
      ["Enter", "Confirm several classes, or a page of nine"],
      ["G", "One by one, or nine at once"],
      ["X", "Zoom"],
      ["W", "What lies around it"],
      [", or .", "The same place on an earlier or later day"],
      ["C", "Write a note"],
    ],
  },
  {
    where: "Results",
    keys: [
      ["Arrows", "Move among the pictures"],
      ["Enter", "Open a picture"],
      ["+ or −", "More like this, or less"],
      ["Space", "Select a picture"],
      ["Shift and arrows", "Select a stretch"],
      ["Ctrl A", "Select all"],
    ],
  },
];

export const GO: Readonly<Record<string, string>> = {
  p: "/",
  i: "/imagery",
  e: "/explore",
  l: "/tasks",
  d: "/datasets",
};

const FIELDS = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable=true]";

/** Whether the key is for what has the focus, and not for the app. A radio button takes no letters. */
export const typing = (target?: EventTarget | null): boolean => target instanceof HTMLElement && target.matches(FIELDS);

/** Whether a page acts on single keys now: they are wanted, and no window lies over it, whose keys are its own. */
export const takesKeys = (): boolean => prefs().singleKeys && !document.querySelector("[role=dialog]");
