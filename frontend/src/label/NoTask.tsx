/** A task that cannot be shown: it is not there, or the server says why. */
import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Fault } from "../api/client";
import { Empty, Failed } from "../app/Notice";

export function NoTask({ error, again }: { error: unknown; again: () => void }) {
  if (!(error instanceof Fault && error.status === 404)) return <Failed error={error} again={again} />;
  return (
    <Empty
      title="There is no such task"
      action={
        <Button component={Link} href="/tasks">
          All tasks
        </Button>
      }
    >
      The link may be old, or may have been cut short.
    </Empty>
  );
}
