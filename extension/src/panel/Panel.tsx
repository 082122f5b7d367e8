/** The side panel: from what was marked on Worldview to what looks like it. */
import { ActionIcon, Group, Text, Title } from "@mantine/core";
import { IconSettings } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Fault } from "../../../frontend/src/api/client";
import { Empty, Failed, Loading } from "../../../frontend/src/app/Notice";
import { fits } from "../compatible";
import type { Connection } from "../connection";
import { Captures } from "./Captures";
import { Filters } from "./Filters";
import { useCapture, useConnection, useProgress } from "./hooks";
import classes from "./panel.module.css";
import { Results } from "./Results";
import { NoPermission, NotConnected, NothingMarked, NotPaired, openSettings, useAllowed, WrongVersion } from "./States";
import { check, whenRevoked } from "./server";
import { useSession } from "./session";
import { Tasks } from "./Tasks";

export function Panel() {
  const connection = useConnection();
  return (
    <div className={classes.panel}>
      <Group component="header" justify="space-between" wrap="nowrap" className={classes.head}>
        <Title order={1} size="h5" className={classes.title}>
          Curator
          {connection && (
            <Text span c="dimmed" fw={400} size="sm">
              {" "}
              · {connection.project.name}
            </Text>
          )}
        </Title>
        <ActionIcon variant="subtle" size={30} aria-label="Settings" title="Settings" onClick={openSettings}>
          <IconSettings size={18} />
        </ActionIcon>
      </Group>
      {connection === undefined && <Loading />}
      {connection === null && <NotConnected />}
      {connection && <Checked key={connection.server + connection.token} connection={connection} />}
    </div>
  );
}

/** Nothing is shown of a server that is not there, or that this extension does not understand. */
function Checked({ connection }: { connection: Connection }) {
  const allowed = useAllowed(connection.server);
  const server = useQuery({
    queryKey: ["server", connection.server],
    queryFn: check,
    enabled: allowed === true,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const queries = useQueryClient();
  useEffect(() => whenRevoked(() => queries.invalidateQueries({ queryKey: ["server"] })), [queries]);
  if (allowed === false) return <NoPermission server={connection.server} />;
  if (server.error instanceof Fault && server.error.status === 401) return <NotPaired />;
  if (server.error) return <Failed error={server.error} again={() => server.refetch()} />;
  if (!server.data) return <Loading what="Connecting" />;
  if (!fits(server.data.version)) return <WrongVersion version={server.data.version} />;
  return <Search connection={connection} />;
}

function Search({ connection }: { connection: Connection }) {
  const [session, change] = useSession();
  const progress = useProgress();
  const capture = useCapture(progress, change);
  if (!session) return <Loading />;
  const { query } = session;
  return (
    <>
      <Captures session={session} change={change} progress={progress} capture={capture} />
      {query.like.length > 0 && (
        <>
          <Tasks session={session} change={change} usual={connection.task} />
          <Filters session={session} change={change} />
          <Results session={session} change={change} connection={connection} />
        </>
      )}
      {query.like.length === 0 && query.unlike.length > 0 && (
        <Empty title="Only what it should not look like">Mark a scene to look for, or turn an example around.</Empty>
      )}
      {session.samples.length === 0 && !progress.drawing && !progress.drawn && <NothingMarked />}
    </>
  );
}
