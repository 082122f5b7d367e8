import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { Job } from "../jobs/words";

const now = vi.hoisted(() => ({ job: {} as unknown, asked: null as string | null }));
vi.mock("../app/who", () => ({ useMay: () => true }));
vi.mock("../jobs/useJobs", () => ({
  useJobs: () => ({ data: { jobs: [now.job] } }),
  useJob: () => ({ data: now.job }),
  useJobChange: () => ({ isSuccess: now.asked !== null, variables: { to: now.asked }, mutate: () => {} }),
  useStartJob: () => ({ mutate: () => {} }),
}));
const { Trainings } = await import("./Trainings");

const figure = { value: 0.9, low: 0.8, high: 1 };
const classifier = {
  name: "smoke-full",
  classes: ["smoke", "none"],
  split: "random",
  taught: 40,
  unreadable: 0,
  unmeasured: [],
  metrics: { pictures: 10, accuracy: figure, f1: figure, average_precision: figure },
};

function show(job: Pick<Job, "kind" | "state"> & { result?: object }, asked: string | null = null) {
  Object.assign(now, { job: { id: "1", created: "2026-01-01T00:00:00Z", result: {}, ...job }, asked });
  render(
    <MantineProvider>
      <Trainings encoders={[]} chips={60} />
    </MantineProvider>,
  );
}

afterEach(cleanup);

it.each(["train", "finetune"])("%s that is stopped keeps what is best", (kind) => {
  show({ kind, state: "running" }, "cancel");
  expect(screen.getByRole("button", { name: "Stop and keep the best" })).toBeTruthy();
  expect(screen.getByText(/What is best so far is measured and kept/)).toBeTruthy();
});

it.each([
  ["train", /can go on from there/],
  ["finetune", /begins anew when it goes on/],
])("%s that is paused promises what it holds", (kind, words) => {
  show({ kind, state: "running" }, "pause");
  expect(screen.getByText(words)).toBeTruthy();
});

it("reports a classifier that was stopped, and begins anew", () => {
  show({ kind: "finetune", state: "cancelled", result: classifier });
  expect(screen.getByText(/smoke-full tells smoke, none apart/)).toBeTruthy();
  expect(screen.getByRole("button", { name: "Begin anew" })).toBeTruthy();
});

it("says so where nothing came of it", () => {
  show({ kind: "finetune", state: "cancelled" });
  expect(screen.getByText("It was called off. Nothing was changed.")).toBeTruthy();
});
