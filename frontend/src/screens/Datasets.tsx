/** Datasets: make one of a task's labels, take it home, read its card. */
import { Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, get } from "../api/client";
import { Empty, Failed, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay } from "../app/who";
import { bytes } from "../app/words";
import { DatasetRow } from "../jobs/DatasetRow";
import { ExportForm } from "../jobs/ExportForm";
import { JobRow } from "../jobs/JobRow";
import { useJobs } from "../jobs/useJobs";
import { isOpen } from "../jobs/words";

export default function Datasets() {
  const [asked, setAsked] = useSearchParams();
  const curator = useMay("curator");
  const tasks = useQuery({
    queryKey: ["tasks"],
    queryFn: () => get(api.GET("/api/v1/tasks", { params: { query: {} } })),
  });
  const project = useQuery({ queryKey: ["project"], queryFn: () => get(api.GET("/api/v1/project")) });
  const datasets = useQuery({ queryKey: ["datasets"], queryFn: () => get(api.GET("/api/v1/datasets")) });
  const newest = datasets.data?.datasets[0]?.created ?? "";
  const exports = useJobs().data?.jobs.filter((job) => job.kind === "export") ?? [];
  // A failure counts until something was made after it.
  const running = exports.filter((job) => isOpen(job) || (job.state === "failed" && job.created > newest));

  const failed = [tasks, project, datasets].find((query) => query.isLoadingError);
  if (failed)
    return (
      <Page title="Datasets">
        <Failed error={failed.error} again={() => failed.refetch()} />
      </Page>
    );
  if (!tasks.data || !project.data || !datasets.data) return <Loading what="Loading the datasets" />;

  const folders = Object.keys(project.data.folders).length > 0;
  const known = tasks.data.tasks.map(({ task }) => task.id);
  const wanted = asked.get("task") ?? "";
  const task =
    known.includes(wanted) || (wanted === "folders" && folders) ? wanted : (known[0] ?? (folders ? "folders" : ""));
  const question = (id: string) =>
    id === "folders"
      ? "Folders of the import"
      : (tasks.data.tasks.find((each) => each.task.id === id)?.task.question ?? "A task that was deleted");
  return (
    <Page title="Datasets" lead="Labels and pictures in one file, with a data card that says what is in it.">
      {curator && task && (
        <ExportForm
          tasks={tasks.data.tasks}
          folders={folders}
          task={task}
          choose={(to) => setAsked({ task: to }, { replace: true })}
        />
      )}
      {!task && <Empty title="There is nothing to export yet">Make a task and label some chips first.</Empty>}
      {running.slice(0, 3).map((job) => (
        <JobRow key={job.id} job={job} />
      ))}
      {task && datasets.data.datasets.length === 0 && (
        <Empty title="No dataset was made yet">What you make is listed here, to download and to make again.</Empty>
      )}
      {datasets.data.datasets.length > 0 && (
        <Stack gap="sm">
          <Title order={3} size="h4">
            Made before, {bytes(datasets.data.bytes)} on the server
          </Title>
          {datasets.data.datasets.map((dataset) => (
            <DatasetRow key={dataset.id} dataset={dataset} question={question(dataset.recipe.task)} />
          ))}
        </Stack>
      )}
    </Page>
  );
}
