import { describe, expect, it } from "vitest";
import { boxAround, daysOf, placeIn } from "./around";
import { eventId, eventsOf } from "./events";
import { chipOf } from "./fakes";
import { actionOf, keyOf } from "./hotkeys";
import { pace } from "./pace";
import { sideOf } from "./swipe";
import { centerOf, describe as inWords } from "./words";

const yesNo = { classes: ["smoke", "clear"], several: false };
const many = { classes: ["a", "b", "c"], several: false };

describe("keys", () => {
  it("answer a question of two by Y, N, arrows and numbers", () => {
    expect(["y", "ArrowRight", "1"].map((key) => actionOf({ key }, yesNo))).toEqual(
      Array(3).fill({ do: "class", at: 0 }),
    );
    expect(["N", "ArrowLeft", "2"].map((key) => actionOf({ key }, yesNo))).toEqual(
      Array(3).fill({ do: "class", at: 1 }),
    );
    expect([keyOf(0, yesNo), keyOf(1, yesNo)]).toEqual(["Y", "N"]);
  });

  it("answer a question of more by numbers only", () => {
    expect(actionOf({ key: "3" }, many)).toEqual({ do: "class", at: 2 });
    expect(["4", "y", "n", "ArrowLeft", "0"].map((key) => actionOf({ key }, many))).toEqual(Array(5).fill(null));
    expect(keyOf(9, { classes: Array(12).fill(""), several: false })).toBe("");
  });

  it("undo by Z, Backspace and Ctrl-Z, and leave other shortcuts to the browser", () => {
    const undo = { do: "undo" };
    expect(actionOf({ key: "z" }, many)).toEqual(undo);
    expect(actionOf({ key: "Backspace" }, many)).toEqual(undo);
    expect(actionOf({ key: "z", ctrlKey: true }, many)).toEqual(undo);
    expect(actionOf({ key: "s", ctrlKey: true }, many)).toBeNull();
    expect(actionOf({ key: "u", altKey: true }, many)).toBeNull();
  });

  it("do nothing when held down, or while somebody writes", () => {
    expect(actionOf({ key: "y", repeat: true }, yesNo)).toBeNull();
    expect(actionOf({ key: "y", target: document.createElement("textarea") }, yesNo)).toBeNull();
  });

  it("work after a click on a radio button, whose arrows are its own", () => {
    const radio = Object.assign(document.createElement("input"), { type: "radio" });
    expect(actionOf({ key: "y", target: radio }, yesNo)).toEqual({ do: "class", at: 0 });
    expect(actionOf({ key: "Enter", target: radio }, yesNo)).toEqual({ do: "confirm" });
    expect(actionOf({ key: "ArrowRight", target: radio }, yesNo)).toBeNull();
  });

  it("leave Enter to what has the focus, unless it is only picked", () => {
    const button = document.createElement("button");
    expect(actionOf({ key: "Enter", target: button }, many)).toBeNull();
    button.dataset.pick = "";
    expect(actionOf({ key: "Enter", target: button }, many)).toEqual({ do: "confirm" });
  });
});

describe("a swipe", () => {
  it("counts when it is far, or fast", () => {
    expect(sideOf(200, 10, 900, 400)).toBe("right");
    expect(sideOf(-60, 5, 80, 400)).toBe("left");
  });

  it("does not count when it is a tap, slow and short, or up and down", () => {
    expect(sideOf(10, 0, 5, 400)).toBeNull();
    expect(sideOf(60, 0, 900, 400)).toBeNull();
    expect(sideOf(150, 300, 100, 400)).toBeNull();
  });
});

describe("events", () => {
  it("have ids that the server takes, that differ, and that grow", () => {
    const ids = Array.from({ length: 1000 }, () => eventId());
    expect(new Set(ids).size).toBe(1000);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("share the time of a screen", () => {
    const events = eventsOf(
      [
        { chip: "a", decision: "skip" },
        { chip: "b", decision: "label", value: ["x"] },
      ],
      3000,
    );
    expect(events.map(({ seconds }) => seconds)).toEqual([1.5, 1.5]);
  });
});

describe("the pace", () => {
  it("is not said of a few answers", () => expect(pace([1, 2, 3], 4)).toBeNull());
  it("is that of the last two minutes", () => {
    const old = Array.from({ length: 50 }, () => 0);
    const recent = Array.from({ length: 11 }, (_, at) => 600_000 + at * 2000);
    expect(pace([...old, ...recent], 620_000)).toBe(30);
  });
});

describe("around a chip", () => {
  const at = (id: string, west: number, south: number, time = "2020-01-01T00:00:00Z") => ({
    ...chipOf(id),
    layer: "x",
    time,
    box: { west, south, east: west + 10 > 180 ? west - 350 : west + 10, north: south + 10 },
  });

  it("is a box, also across the antimeridian", () => {
    expect(boxAround(at("a", 0, 0), 1)).toBe("-5.000000,-5.000000,15.000000,15.000000");
    expect(boxAround(at("a", 175, 0), 1)).toBe("170.000000,-5.000000,-170.000000,15.000000");
    expect(centerOf(at("a", 175, 0))).toEqual([-180, 5]);
    expect(boxAround(chipOf("a"), 1)).toBeNull();
  });

  it("are neighbours at their places", () => {
    expect(placeIn(at("a", 0, 0), at("a", 0, 0), 3)?.left).toBeCloseTo(1 / 3);
    expect(placeIn(at("a", 0, 0), at("b", 10, 10), 3)).toMatchObject({
      top: expect.closeTo(0),
      left: expect.closeTo(2 / 3),
    });
    expect(placeIn(at("a", 170, 0), at("b", -180, 0), 3)?.left).toBeCloseTo(2 / 3);
  });

  it("are days in order, with the chip among them", () => {
    const [first, second, third] = [
      at("1", 0, 0, "2020-01-01"),
      at("2", 0, 0, "2020-01-02"),
      at("3", 0, 0, "2020-01-03"),
    ];
    expect(daysOf(second, [third, first]).map(({ id }) => id)).toEqual(["1", "2", "3"]);
  });

  it("is said in words", () => {
    expect(inWords(at("a", 0, -20))).toBe("Picture: x, 1 January 2020, 15.00° S 5.00° E");
    expect(inWords(null)).toBe("Picture");
  });
});
