/** Labelling: one question, one picture after the other. */
import { Alert } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "wouter";
import { api, get } from "../api/client";
import { Loading } from "../app/Notice";
import { useTitle } from "../app/Page";
import { useMay, useMe } from "../app/who";
import { Labelling } from "../label/Labelling";
import { NoTask } from "../label/NoTask";
import { useLabelQueue } from "../label/useLabelQueue";

export default function Label() {
  const { task = "" } = useParams();
  const me = useMe();
  const may = useMay("annotator");
  const found = useQuery({
    queryKey: ["task", task],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}", { params: { path: { task } } })),
    refetchInterval: 30_000,
  });
  useTitle(found.data ? `Label: ${found.data.task.question}` : null);
  const queue = useLabelQueue(task, may ? me.data?.person.id : undefined);

  if (found.isLoadingError) return <NoTask error={found.error} again={() => found.refetch()} />;
  if (me.data && !may) {
    return <Alert title="You may look, but not label">Ask an owner of the project for the role of annotator.</Alert>;
  }
  if (!found.data || !queue) return <Loading what="Loading the task" />;
  return <Labelling key={task} state={found.data} queue={queue} />;
}
