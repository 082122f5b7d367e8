import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gather } from "./gather";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("many calls are one act, also for the last of them", () => {
  const act = vi.fn();
  const { call } = gather(act, 1000);
  for (let at = 0; at < 12; at++) {
    call();
    vi.advanceTimersByTime(100);
  }
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1000);
  expect(act).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5000);
  expect(act).toHaveBeenCalledTimes(2);
});

test("nothing happens after the end", () => {
  const act = vi.fn();
  const { call, stop } = gather(act, 1000);
  call();
  stop();
  vi.advanceTimersByTime(2000);
  expect(act).not.toHaveBeenCalled();
});
