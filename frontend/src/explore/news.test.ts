import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { inTurn } from "./news";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("asks once for what is told together, and once more for what was told meanwhile", async () => {
  const answers: (() => void)[] = [];
  const act = vi.fn(() => new Promise<void>((resolve) => answers.push(resolve)));
  const news = inTurn(act, 30);
  news.call();
  news.call();
  await vi.advanceTimersByTimeAsync(30);
  expect(act).toHaveBeenCalledTimes(1);
  news.call();
  news.call();
  await vi.advanceTimersByTimeAsync(300);
  expect(act).toHaveBeenCalledTimes(1); // never twice at once
  answers[0]?.();
  await vi.advanceTimersByTimeAsync(30);
  expect(act).toHaveBeenCalledTimes(2);
  answers[1]?.();
  await vi.advanceTimersByTimeAsync(300);
  expect(act).toHaveBeenCalledTimes(2);
});

it("goes on after a failure, and ends when it is stopped", async () => {
  const act = vi.fn(() => Promise.reject(new Error("no server")));
  const news = inTurn(act, 30);
  news.call();
  await vi.advanceTimersByTimeAsync(30);
  news.call();
  await vi.advanceTimersByTimeAsync(30);
  expect(act).toHaveBeenCalledTimes(2);
  news.call();
  news.stop();
  await vi.advanceTimersByTimeAsync(300);
  expect(act).toHaveBeenCalledTimes(2);
});
