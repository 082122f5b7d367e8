/** How a search goes: what was found, whether one may stop, what that rests on, and who did it. */
import { Anchor, Button, Select, SimpleGrid } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearchParams } from "wouter";
import { api, get, type Schemas } from "../api/client";
import { Empty, Failed, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay } from "../app/who";
import { Advice } from "../insights/Advice";
import { Check } from "../insights/Check";
import { Found } from "../insights/Found";
import { Learning } from "../insights/Learning";
import { People } from "../insights/People";
import { Where } from "../insights/Where";
import { NoTask } from "../label/NoTask";

export default function Insights() {
  const { task = "" } = useParams<{ task: string }>();
  const [asked, setAsked] = useSearchParams();
  const labels = useMay("annotator");
  const curates = useMay("curator");
  const state = useQuery({
    queryKey: ["task", task],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}", { params: { path: { task } } })),
  });
  const wanted = asked.get("class") ?? "";
  const outlook = useQuery({
    queryKey: ["task", task, "outlook", wanted],
    queryFn: async () => {
      const query = wanted ? { class: wanted } : {};
      const found = await get(api.GET("/api/v1/tasks/{task}/outlook", { params: { path: { task }, query } }));
      return found as Schemas["SearchOutlook"]; // the client's types forget that points are pairs
    },
    enabled: labels,
    placeholderData: keepPreviousData,
  });
  if (state.isLoadingError) return <NoTask error={state.error} again={() => state.refetch()} />;
  if (!state.data) return <Loading what="Loading the task" />;
  const { question, classes } = state.data.task;
  return (
    <Page
      title={`Insights: ${question}`}
      lead={
        <Anchor component={Link} href="/tasks">
          All tasks
        </Anchor>
      }
      actions={
        <>
          {curates && (
            <Button component={Link} href={`/train?task=${task}`} variant="default">
              Make a classifier
            </Button>
          )}
          {classes.length > 2 && (
            <Select
              aria-label="Class"
              data={classes}
              value={wanted || (classes[0] ?? null)}
              onChange={(to) => to && setAsked({ class: to }, { replace: true })}
              allowDeselect={false}
            />
          )}
        </>
      }
    >
      {!labels && <Empty title="How a search goes is shown to those who label" />}
      {labels && outlook.isPending && <Loading what="Counting" />}
      {outlook.isLoadingError && <Failed error={outlook.error} again={() => outlook.refetch()} />}
      {outlook.data && (
        <>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Found
              found={outlook.data.found}
              finds={outlook.data.finds}
              classes={classes}
              wanted={outlook.data.wanted}
            />
            <div style={{ display: "grid", gap: "var(--mantine-spacing-md)", alignContent: "start" }}>
              <Advice task={task} advice={outlook.data.advice} />
              <Check task={task} outlook={outlook.data} />
            </div>
          </SimpleGrid>
          <Learning task={task} classes={classes} wanted={outlook.data.wanted} />
          <Where task={task} classes={classes} wanted={outlook.data.wanted} />
        </>
      )}
      {labels && <People task={task} />}
    </Page>
  );
}
