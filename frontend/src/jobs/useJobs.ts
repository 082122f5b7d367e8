/** The jobs of the project: the newest, live; and how one is begun, paused and called off. */
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { api, get } from "../api/client";
import { type Message, useLive } from "../api/live";
import { send } from "../app/ask";
import { newId } from "../app/ids";
import { isActive, type Job, nameOf } from "./words";

const LOOK_MS = 15_000; // the WebSocket tells sooner; this is for when it is not there

export function useJobs(limit = 30) {
  return useQuery({
    queryKey: ["jobs", limit],
    queryFn: () => get(api.GET("/api/v1/jobs", { params: { query: { limit } } })),
    refetchInterval: ({ state }) => (state.data?.jobs.some(isActive) ? LOOK_MS : false),
  });
}

/** One job, for who waits for it. */
export const useJob = (id: string | null) =>
  useQuery({
    queryKey: ["jobs", "one", id],
    queryFn: () => get(api.GET("/api/v1/jobs/{job}", { params: { path: { job: id as string } } })),
    enabled: id !== null,
    refetchInterval: ({ state }) => (state.data && isActive(state.data) ? LOOK_MS : false),
  });

/** Whatever a job that has ended or was paused may have changed is looked at again. */
export function useJobNews() {
  const queries = useQueryClient();
  useLive(
    useCallback(
      (message: Message) => {
        if (message.type !== "job" || isActive(message.job as Job)) return;
        for (const key of ["project", "chips", "list", "map", "encoders", "datasets", "tasks"])
          queries.invalidateQueries({ queryKey: [key] });
      },
      [queries],
    ),
  );
}

export interface NewJob {
  kind: string;
  parameters: Record<string, unknown>;
}

/** Begin a job. Twice by accident is once: the id is the client's. */
export function useStartJob(told = true) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (job: NewJob) => send<Job>("POST", "api/v1/jobs", { id: newId(), ...job }),
    onSuccess: (job) => {
      queries.invalidateQueries({ queryKey: ["jobs"] });
      if (told) notifications.show({ title: `${nameOf(job.kind)}: begun`, message: "Activity shows how far it is." });
    },
  });
}

interface JobChange {
  job: string;
  to: "pause" | "resume" | "cancel";
}

/** Pause a job, let it go on, or call it off. One that runs hears of it in a moment. */
export function useJobChange() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ job, to }: JobChange) => send<Job>("POST", `api/v1/jobs/${job}/${to}`, {}),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
