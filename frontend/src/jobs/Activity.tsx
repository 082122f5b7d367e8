/** The drawer of what goes on: running jobs first, then the latest that ended. */
import { Drawer, Stack, Text, Title } from "@mantine/core";
import { Empty, Failed, Loading } from "../app/Notice";
import { JobRow } from "./JobRow";
import { useJobs } from "./useJobs";
import { isActive, isOpen } from "./words";

export default function Activity({ opened, close }: { opened: boolean; close: () => void }) {
  const jobs = useJobs();
  const open = jobs.data?.jobs.filter(isOpen) ?? [];
  const ended = jobs.data?.jobs.filter((job) => !isOpen(job)) ?? [];
  return (
    <Drawer
      opened={opened}
      onClose={close}
      position="right"
      title="Activity"
      size="md"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {jobs.isPending && <Loading />}
      {jobs.isLoadingError && <Failed error={jobs.error} again={() => jobs.refetch()} />}
      {jobs.data && jobs.data.jobs.length === 0 && (
        <Empty title="Nothing has been done yet">Downloads, imports, embeddings and datasets are shown here.</Empty>
      )}
      {open.length > 0 && (
        <Stack gap="xs" mb="lg">
          <Title order={3} size="h5">
            Now
          </Title>
          {open.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
          {open.some(isActive) && (
            <Text size="sm" c="dimmed">
              You may close this page: the server goes on.
            </Text>
          )}
        </Stack>
      )}
      {ended.length > 0 && (
        <Stack gap="xs">
          <Title order={3} size="h5">
            Before
          </Title>
          {ended.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </Stack>
      )}
    </Drawer>
  );
}
