/** The label queue's way to the server. */
import { api, BASE, get } from "../api/client";
import type { Chip, LabelEvent, Outcome, Transport } from "./types";

export class HttpTransport implements Transport {
  readonly #params: { path: { task: string } };

  constructor(readonly task: string) {
    this.#params = { path: { task } };
  }

  async lease(count: number, seconds: number): Promise<Chip[]> {
    const held = await get(api.POST("/api/v1/tasks/{task}/leases", { params: this.#params, body: { count, seconds } }));
    return held.leases.map((lease) => lease.chip);
  }

  async heartbeat(seconds: number): Promise<string[]> {
    const held = await get(
      api.POST("/api/v1/tasks/{task}/leases/heartbeat", { params: this.#params, body: { seconds } }),
    );
    return held.leases.map((lease) => lease.chip);
  }

  async send(events: LabelEvent[]): Promise<Outcome[]> {
    const answer = await get(
      api.POST("/api/v1/tasks/{task}/labels", { params: this.#params, body: { labels: events } }),
    );
    return answer.outcomes;
  }

  async release(chips: string[]): Promise<void> {
    await api.POST("/api/v1/tasks/{task}/leases/release", { params: this.#params, body: { chips } });
  }

  async mine(limit: number): Promise<LabelEvent[]> {
    const mine = await get(api.GET("/api/v1/tasks/{task}/mine", { params: { ...this.#params, query: { limit } } }));
    return mine.labels.map(({ id, chip, decision, value }) => ({ id, chip, decision, value: value ?? [] }));
  }

  facts(chip: string): Promise<Chip> {
    return get(api.GET("/api/v1/chips/{chip}", { params: { path: { chip } } }));
  }

  leave(events: LabelEvent[], chips: string[]): void {
    const path = `${BASE}api/v1/tasks/${encodeURIComponent(this.task)}`;
    if (events.length > 0) {
      // Beside the outbox, which sends it again on the next visit if this does not arrive.
      const body = JSON.stringify({ labels: events.slice(0, 100) });
      const headers = { "Content-Type": "application/json" };
      fetch(`${path}/labels`, { method: "POST", keepalive: true, headers, body }).catch(() => undefined);
    }
    if (chips.length > 0) navigator.sendBeacon(`${path}/leases/release`, JSON.stringify({ chips }));
  }
}
