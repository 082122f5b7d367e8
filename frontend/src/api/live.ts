/** One WebSocket a tab: what the server tells makes the affected queries fresh. */
import type { QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { BASE } from "./client";

export type Message =
  | { type: "hello"; version: string; person: string }
  | { type: "job"; job: { id: string; kind: string; state: string; done: number; total: number | null } }
  | { type: "task"; task: string }
  | { type: "model"; task: string; round: number; labels: number; strategy: string };

type Listener = (message: Message) => void;

const listeners = new Set<Listener>();
const SECONDS = [1, 2, 4, 8, 15];

/** Stay connected for as long as the app runs. Returns what ends it. */
export function connect(queries: QueryClient, online: (connected: boolean) => void): () => void {
  let socket: WebSocket | null = null;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;

  const open = () => {
    const url = new URL(`${BASE}api/v1/live`, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(url);
    socket.onopen = () => {
      failures = 0;
      online(true);
    };
    socket.onmessage = ({ data }) => take(JSON.parse(data), queries);
    socket.onclose = () => {
      online(false);
      if (ended) return;
      timer = setTimeout(open, 1000 * (SECONDS[Math.min(failures++, SECONDS.length - 1)] ?? 15));
    };
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket?.close();
  };
}

function take(message: Message, queries: QueryClient) {
  if (message.type === "hello") queries.invalidateQueries(); // we may have missed something
  if (message.type === "job") queries.invalidateQueries({ queryKey: ["jobs"] });
  if (message.type === "task" || message.type === "model")
    queries.invalidateQueries({ queryKey: ["task", message.task] });
  for (const listener of listeners) listener(message);
}

/** Hear every message while the component is there. */
export function useLive(listener: Listener) {
  useEffect(() => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, [listener]);
}

/** Whether the server is there, as far as the tab knows. */
export function useConnected(queries: QueryClient): boolean {
  const [connected, setConnected] = useState(true);
  useEffect(() => connect(queries, setConnected), [queries]);
  return connected;
}
