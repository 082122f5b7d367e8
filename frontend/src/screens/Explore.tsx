/** Explore and find: the grid, what is alike, where and when are four views of one query and one selection. */
import {
  Button,
  Chip,
  Collapse,
  Group,
  Popover,
  SegmentedControl,
  Select,
  Slider,
  Text,
  TextInput,
  Title,
  Tooltip,
} from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconAdjustments, IconLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, get } from "../api/client";
import { useCopy } from "../app/copy";
import { useTitle } from "../app/Page";
import { count as inWords, many } from "../app/words";
import { ChipDrawer } from "../explore/ChipDrawer";
import { useDemo } from "../explore/demo";
import classes from "../explore/explore.module.css";
import { Filters } from "../explore/Filters";
import { byModel, type List, useList } from "../explore/items";
import { shownTask, type Task, useLabels, useTasks } from "../explore/labelMap";
import { type Change, filtered, type Query, SIZES, thinned, useExplore, VIEWS, type View } from "../explore/query";
import { Results } from "../explore/Results";
import { SelectionBar } from "../explore/SelectionBar";
import { useSelection } from "../explore/selection";
import { Tray } from "../explore/Tray";
import { useViews } from "../explore/Views";

const NAMES: Record<View, string> = { likeness: "Likeness", world: "Map", time: "Time" };
const REGIONS: Record<View, string> = { likeness: "Map of likeness", world: "World map", time: "Timeline" };

export default function Explore() {
  useTitle("Explore and find");
  const [query, change] = useExplore();
  const demo = useDemo();
  const tasks = useTasks();
  const task = demo ? null : shownTask(tasks, query.task);
  const labels = useLabels(task);
  const real = useList(query, task, labels);
  const list = demo?.list ?? real;
  const selection = useSelection();
  const project = useQuery({ queryKey: ["project"], queryFn: () => get(api.GET("/api/v1/project")) });
  const ranked = byModel(query, task) ? "likely" : query.like.length > 0 ? "alike" : null;
  const filtering = filtered(query) || (ranked !== null && thinned(query));
  const [filters, { toggle }] = useDisclosure(filtering);
  const narrow = useMediaQuery("(max-width: 62em)") ?? false;
  const single = query.views[0] ?? "grid"; // a narrow screen shows one view
  const shown = narrow ? query.views.slice(0, 1) : query.views;
  const views = useViews({ query, change, list, selection, labels, demo: demo?.map ?? null, shown });
  const results = <Results query={query} change={change} list={list} selection={selection} labels={labels} />;
  const all = async () => selection.set(await list.numbers(0, list.total));

  return (
    <div className={classes.page}>
      <Title order={2} size="h3" className={classes.title}>
        Explore and find
      </Title>
      <Tray query={query} change={change} />
      <Group gap="sm">
        <Button
          size="compact-sm"
          variant={filtering ? "light" : "default"}
          leftSection={<IconAdjustments size={16} />}
          aria-expanded={filters}
          onClick={toggle}
        >
          {filtering ? "Filters (on)" : "Filters"}
        </Button>
        <Count list={list} query={query} />
        {tasks.length > 0 && (
          <Select
            size="xs"
            w={narrow ? 176 : 220}
            aria-label="Labels shown on the chips"
            allowDeselect={false}
            value={task?.id ?? "none"}
            onChange={(value) => change({ task: value ?? "", wanted: "", labels: [] }, { replace: true })}
            data={[
              ...tasks.map(({ task }) => ({ value: task.id, label: `Labels: ${task.question}` })),
              { value: "none", label: "Labels: none" },
            ]}
          />
        )}
        {task && <ModelOrder task={task} query={query} change={change} />}
        <Group gap="sm" ml="auto">
          {narrow ? null : <ViewToggles query={query} change={change} />}
          <Density query={query} change={change} />
          <CopyLink narrow={narrow} />
        </Group>
      </Group>
      <Collapse expanded={filters}>
        <Filters query={query} change={change} project={project.data} task={task} ranked={ranked} />
      </Collapse>
      {narrow ? (
        <>
          <SegmentedControl
            value={single}
            onChange={(value) => change({ views: VIEWS.filter((view) => view === value) }, { replace: true })}
            aria-label="View"
            fullWidth
            data={[{ value: "grid", label: "Grid" }, ...VIEWS.map((view) => ({ value: view, label: NAMES[view] }))]}
          />
          {single === "grid" ? (
            <div className={classes.single}>{results}</div>
          ) : (
            <section className={classes.single} data-view={single} aria-label={REGIONS[single]}>
              {views[single]}
            </section>
          )}
        </>
      ) : (
        <div className={classes.views} data-beside={(views.likeness || views.world) && true}>
          <div className={classes.grid}>{results}</div>
          {(views.likeness || views.world) && (
            <div className={classes.beside}>
              {views.likeness && <section aria-label={REGIONS.likeness}>{views.likeness}</section>}
              {views.world && <section aria-label={REGIONS.world}>{views.world}</section>}
            </div>
          )}
          {views.time && (
            <section className={classes.below} aria-label={REGIONS.time}>
              {views.time}
            </section>
          )}
        </div>
      )}
      <SelectionBar selection={selection} change={change} onSelectAll={list.total > 0 ? all : null} />
      <ChipDrawer chip={query.chip} change={change} selection={selection} />
    </div>
  );
}

function Count({ list, query }: { list: List; query: Query }) {
  const found = list.found;
  const text = list.loading
    ? "…"
    : list.error && list.total === 0
      ? ""
      : found
        ? `${inWords(found.hits.length)} ${found.learnt_from === null ? "most alike" : "likeliest"} of ${inWords(found.searched)} chips`
        : `${inWords(list.passing)} chips${filtered(query) ? " pass the filters" : ""}`;
  const waiting = found?.waiting ? `, ${inWords(found.waiting)} have no vector yet` : "";
  const learnt = found?.learnt_from == null ? "" : `, by ${many(found.learnt_from, "labelled chip")}`;
  return (
    <Text size="sm" role="status" style={{ opacity: list.fresh ? 1 : 0.6 }}>
      {text}
      {learnt}
      {waiting}
    </Text>
  );
}

/** Whether the model of the task ranks the chips, and for which of its classes. */
function ModelOrder({ task, query, change }: { task: Task; query: Query; change: Change }) {
  const on = query.order === "model";
  const models = task.classes.length > 2 || task.several; // of two classes the other one is what is left
  return (
    <>
      <Tooltip label="The likeliest first, by what people labelled so far; it follows every new label">
        <Chip size="xs" checked={on} onChange={(checked) => change({ order: checked ? "model" : "" })}>
          Rank by its model
        </Chip>
      </Tooltip>
      {on && models && (
        <Select
          size="xs"
          w={150}
          aria-label="Class that is looked for"
          allowDeselect={false}
          value={task.classes.includes(query.wanted) ? query.wanted : (task.classes[0] ?? null)}
          onChange={(wanted: string | null) =>
            change({ wanted: wanted === task.classes[0] ? "" : (wanted ?? "") }, { replace: true })
          }
          data={task.classes}
        />
      )}
    </>
  );
}

function ViewToggles({ query, change }: { query: Query; change: Change }) {
  return (
    <Chip.Group
      multiple
      value={[...query.views]}
      onChange={(views) => change({ views: VIEWS.filter((view) => views.includes(view)) }, { replace: true })}
    >
      <Group gap={6} role="group" aria-label="Views beside the grid">
        {VIEWS.map((view) => (
          <Chip key={view} value={view} size="xs">
            {NAMES[view]}
          </Chip>
        ))}
      </Group>
    </Chip.Group>
  );
}

function Density({ query, change }: { query: Query; change: Change }) {
  return (
    <Slider
      w={110}
      thumbSize={20}
      thumbLabel="Size of the pictures"
      min={SIZES.least}
      max={SIZES.most}
      step={4}
      label={null}
      value={query.size}
      onChange={(size) => change({ size }, { replace: true })}
    />
  );
}

function CopyLink({ narrow }: { narrow: boolean }) {
  const { state, copy, leave, close } = useCopy(window.location.href);
  return (
    <Popover opened={state === "by hand"} onChange={close} trapFocus returnFocus shadow="md">
      <Popover.Target>
        <Tooltip label="The link shows the same query, filters and views to others">
          <Button
            size="compact-sm"
            variant="default"
            leftSection={narrow ? null : <IconLink size={16} />}
            aria-label={narrow ? "Copy link" : undefined}
            onClick={copy}
            onBlur={leave}
          >
            {state === "copied" ? "Copied" : narrow ? <IconLink size={16} /> : "Copy link"}
          </Button>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <TextInput
          label="Link to this page"
          description="Your browser lets you copy it from here only: Ctrl C."
          value={window.location.href}
          readOnly
          data-autofocus
          onFocus={(event) => event.currentTarget.select()}
        />
      </Popover.Dropdown>
    </Popover>
  );
}
