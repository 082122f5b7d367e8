/** What the search goes by: scenes marked on Worldview and results, each for or against. */
import { Alert, Button, Group, Loader, Text } from "@mantine/core";
import { IconMinus, IconPlus } from "@tabler/icons-react";
import { Fault } from "../../../frontend/src/api/client";
import { Failed } from "../../../frontend/src/app/Notice";
import { tell } from "../../../frontend/src/app/tell";
import type { Progress, Purpose } from "../messages";
import { draw, leave, worldviewTab } from "../worldview";
import { Example } from "./Example";
import type { useCapture } from "./hooks";
import classes from "./panel.module.css";
import { type ChangeSession, lastCapture, nameOfExample, type Session } from "./session";

interface CapturesProps {
  session: Session;
  change: ChangeSession;
  progress: Progress;
  capture: ReturnType<typeof useCapture>;
}

export function Captures({ session, change, progress, capture }: CapturesProps) {
  const begin = (purpose: Purpose) => drawAgain(session, purpose).catch(tell);
  const samples = [...session.samples].reverse(); // the newest first
  return (
    <section aria-label="Examples" className={classes.section}>
      {progress.drawing && <Drawing session={session} />}
      {progress.trouble && (
        <Alert color="red" variant="light" withCloseButton onClose={() => chrome.storage.session.remove("trouble")}>
          {progress.trouble}
        </Alert>
      )}
      {capture.waiting && (
        <Group gap="xs" role="status">
          <Loader size="xs" />
          <Text size="sm">Fetching the scene…</Text>
        </Group>
      )}
      {capture.error && !capture.waiting && (
        <>
          <Failed error={capture.error} {...(mayPass(capture.error) && { again: () => capture.refetch() })} />
          <Group justify="flex-end">
            <Button size="compact-sm" variant="default" onClick={() => chrome.storage.session.remove("drawn")}>
              Leave it
            </Button>
          </Group>
        </>
      )}
      {samples.length > 0 && (
        <>
          <ul className={classes.samples}>
            {samples.map((sample) => (
              <Example key={nameOfExample(sample.example)} sample={sample} session={session} change={change} />
            ))}
          </ul>
          <Group gap={6}>
            {lastCapture(session) && (
              <Button size="compact-sm" variant="default" onClick={() => begin("again")}>
                Redraw
              </Button>
            )}
            <Button
              size="compact-sm"
              variant="light"
              leftSection={<IconPlus size={14} />}
              onClick={() => begin("like")}
            >
              Example
            </Button>
            <Button
              size="compact-sm"
              variant="light"
              leftSection={<IconMinus size={14} />}
              aria-label="Example of what it should not look like"
              onClick={() => begin("unlike")}
            >
              Example
            </Button>
          </Group>
        </>
      )}
    </section>
  );
}

/** Whether it is worth trying again: nothing is wrong with the request. */
const mayPass = (error: Error) =>
  !(error instanceof Fault) || [0, 401, 403, 429].includes(error.status) || error.status >= 500;

async function drawAgain(session: Session, purpose: Purpose): Promise<void> {
  const tab = await worldviewTab(session.tab);
  if (tab?.id === undefined) throw new Error("No tab shows Worldview. Open it, and try again.");
  await chrome.tabs.update(tab.id, { active: true });
  await draw(tab.id, purpose);
}

const Drawing = ({ session }: { session: Session }) => (
  <Alert variant="light" role="status" title="Mark the scene on the map">
    <Group justify="space-between" gap={6}>
      <Text size="sm">Drag, or use the arrow keys. Enter takes it, Esc leaves.</Text>
      <Button
        size="compact-sm"
        variant="default"
        onClick={async () => {
          const tab = await worldviewTab(session.tab);
          if (tab?.id !== undefined) await leave(tab.id);
        }}
      >
        Cancel
      </Button>
    </Group>
  </Alert>
);
