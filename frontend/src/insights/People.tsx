/** Who answered how much and how fast, and, for curators, how much they agree. */
import { Paper, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, get, type Schemas } from "../api/client";
import { Failed, Loading } from "../app/Notice";
import { useNames } from "../app/who";
import { count, many, percent } from "../app/words";
import { told } from "./words";

export function People({ task }: { task: string }) {
  const report = useQuery({
    queryKey: ["task", task, "report"],
    queryFn: () => get(api.GET("/api/v1/tasks/{task}/report", { params: { path: { task } } })),
  });
  const nameOf = useNames();
  return (
    <Paper withBorder p="md" component="section" aria-label="People">
      <Title order={3} size="h4" mb="sm">
        People
      </Title>
      {report.isPending && <Loading />}
      {report.isLoadingError && <Failed error={report.error} again={() => report.refetch()} />}
      {report.data && (
        <Stack gap="md">
          <Speeds speeds={report.data.speed} shares={report.data.agreement?.with_others ?? {}} nameOf={nameOf} />
          {report.data.agreement && (
            <Agreement alpha={report.data.agreement.alpha} disputed={report.data.disputed ?? 0} />
          )}
        </Stack>
      )}
    </Paper>
  );
}

interface SpeedsProps {
  speeds: Record<string, Schemas["Speed"]>;
  shares: Record<string, Schemas["Share"]>;
  nameOf: (id: string) => string;
}

function Speeds({ speeds, shares, nameOf }: SpeedsProps) {
  const rows = Object.entries(speeds).sort(([, a], [, b]) => b.answers - a.answers);
  if (rows.length === 0) return <Text c="dimmed">Nobody has answered yet.</Text>;
  const agree = Object.keys(shares).length > 0;
  return (
    <Table.ScrollContainer
      minWidth={320}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "group", "aria-label": "Answers by person" } }}
    >
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Answers</Table.Th>
            <Table.Th>A minute</Table.Th>
            {agree && <Table.Th>Agrees with others</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(([id, speed]) => (
            <Table.Tr key={id}>
              <Table.Td>{nameOf(id)}</Table.Td>
              <Table.Td>{count(speed.answers)}</Table.Td>
              <Table.Td>{speed.per_minute === null ? "–" : count(Math.round(speed.per_minute))}</Table.Td>
              {agree && <Table.Td>{shareOf(shares[id])}</Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

const shareOf = (share: Schemas["Share"] | undefined): string =>
  share?.total ? `${percent(share.count / share.total)} of ${count(share.total)}` : "–";

function Agreement({ alpha, disputed }: { alpha: Schemas["Coefficient"]; disputed: number }) {
  return (
    <div>
      <Text fw={500}>{told(alpha)}</Text>
      <Text size="sm" c="dimmed">
        Krippendorff's alpha: 1 is full agreement, 0 is chance.{" "}
        {disputed > 0 && `${many(disputed, "chip")} ${disputed === 1 ? "is" : "are"} disputed.`}
      </Text>
    </div>
  );
}
