/** What the search goes by: scenes marked on Worldview and results, each for or against. */
import { Alert, Button, Group, Kbd, Loader, Text } from "@mantine/core";
import { useWindowEvent } from "@mantine/hooks";
import { IconMinus, IconPlus } from "@tabler/icons-react";
import { Fault } from "../../../frontend/src/api/client";
import { Failed } from "../../../frontend/src/app/Notice";
import type { Drawing, Progress, Purpose } from "../messages";
import { tell } from "../tell";
import { draw, leave } from "../worldview";
import { Example } from "./Example";
import type { useCapture } from "./hooks";
import classes from "./panel.module.css";
import { type ChangeSession, lastCapture, nameOfExample, type Session } from "./session";
import { tabOf } from "./tab";

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
      {progress.drawing && <OnTheMap drawing={progress.drawing} />}
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
          <Group justify="flex-end" gap={6}>
            <Button size="compact-sm" variant="light" onClick={() => begin(progress.drawn?.purpose ?? "new")}>
              Draw again
            </Button>
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
  const { id } = await tabOf(session.tab);
  await chrome.tabs.update(id, { active: true });
  await draw(id, purpose);
}

/** What there is to do on the map. Its keys are those of the page, which the browser reaches with F6 from here. */
function OnTheMap({ drawing: { tab } }: { drawing: Drawing }) {
  useWindowEvent("keydown", ({ key }) => key === "Escape" && leave(tab));
  return (
    <Alert variant="light" role="status" title="Mark the scene on the map">
      <Text size="sm">
        Drag, or use the arrow keys: <Kbd size="xs">F6</Kbd> leads to the map. <Kbd size="xs">Enter</Kbd> takes it,{" "}
        <Kbd size="xs">Esc</Kbd> leaves.
      </Text>
      <Button size="compact-sm" variant="default" mt={6} onClick={() => leave(tab)}>
        Cancel
      </Button>
    </Alert>
  );
}
