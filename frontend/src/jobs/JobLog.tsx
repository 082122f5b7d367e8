/** What a job has said, for whoever wants to know why it takes so long or what went wrong. */
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, get } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { sentence } from "../app/words";
import styles from "./JobLog.module.css";

const clock = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** News of any job make it look again: its key begins as theirs does. */
export function JobLog({ job }: { job: string }) {
  const log = useQuery({
    queryKey: ["jobs", "log", job],
    queryFn: () => get(api.GET("/api/v1/jobs/{job}/log", { params: { path: { job } } })),
  });
  if (log.isLoadingError) return <Failed error={log.error} again={() => log.refetch()} />;
  if (!log.data) return <Loading what="Loading the log" />;
  if (log.data.lines.length === 0)
    return (
      <Text size="sm" c="dimmed">
        It has said nothing yet.
      </Text>
    );
  return (
    <ol className={styles.log} aria-label="Log">
      {log.data.lines.map(({ time, text }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added
        <li key={at}>
          <time dateTime={time}>{clock.format(new Date(time))}</time>
          <span>{sentence(text)}</span>
        </li>
      ))}
    </ol>
  );
}
