import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

// There is no layout in the tests: the grid is 600 by 400 pixels, at once.
vi.mock("@mantine/hooks", async (original) => ({
  ...(await original<typeof import("@mantine/hooks")>()),
  useElementSize: () => ({ ref: () => {}, width: 600, height: 400 }),
}));
const { Grid } = await import("./Grid");

const onKey = vi.fn();

function Million() {
  const [active, setActive] = useState(0);
  return (
    <MantineProvider>
      <Grid
        total={1_000_000}
        size={92}
        label="Chips"
        active={active}
        onActive={setActive}
        selected={(index) => index === 3}
        name={(index) => `Chip ${index + 1}`}
        cell={(index) => <span>{index}</span>}
        onKey={onKey}
      />
    </MantineProvider>
  );
}

beforeEach(() => void render(<Million />));
afterEach(cleanup);

const activeCell = (grid: HTMLElement) =>
  document.getElementById(grid.getAttribute("aria-activedescendant") ?? "")?.getAttribute("aria-label");

it("draws what is in view only", () => {
  expect(screen.getAllByRole("gridcell").length).toBeLessThan(80);
  expect(screen.getByRole("gridcell", { selected: true }).getAttribute("aria-label")).toBe("Chip 4");
});

it("reaches the last of a million by a key, and comes back", () => {
  const grid = screen.getByRole("grid", { name: "Chips" });
  fireEvent.keyDown(grid, { key: "End" });
  expect(activeCell(grid)).toBe("Chip 1000000");
  fireEvent.keyDown(grid, { key: "Home" });
  expect(activeCell(grid)).toBe("Chip 1");
});

it("reaches the last of a million by the scroll bar", () => {
  const grid = screen.getByRole("grid");
  grid.scrollTop = 8_000_000 - 400;
  fireEvent.scroll(grid);
  expect(screen.getByRole("gridcell", { name: "Chip 1000000" })).toBeTruthy();
});

it("hands on the keys that do not move", () => {
  fireEvent.keyDown(screen.getByRole("grid"), { key: " " });
  expect(onKey).toHaveBeenCalledWith(expect.anything(), 0);
});
