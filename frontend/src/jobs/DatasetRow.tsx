/** One dataset: what it holds, its data card and map, its file. */
import { Badge, Button, Code, Group, Modal, Paper, Stack, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, BASE, get, type Schemas } from "../api/client";
import { askText } from "../app/ask";
import { Failed, Loading } from "../app/Notice";
import { useMay } from "../app/who";
import { bytes, count, many, momentOf } from "../app/words";
import { FORMATS, labelOf, POLICIES, SPLITS } from "./formats";
import { Markdown } from "./Markdown";
import { useStartJob } from "./useJobs";

type Dataset = Schemas["Dataset"];

export function DatasetRow({ dataset, question }: { dataset: Dataset; question: string }) {
  const { recipe } = dataset;
  const curator = useMay("curator");
  const again = useStartJob();
  const [asking, setAsking] = useState<"card" | "delete" | null>(null);
  const close = () => setAsking(null);
  return (
    <Paper withBorder p="md" component="article" aria-label={question}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ flex: "1 1 300px", minWidth: 0 }}>
          <Text fw={600}>{question}</Text>
          <Text size="sm">
            {many(dataset.chips, "chip")}
            {dataset.left_out > 0 && `, ${count(dataset.left_out)} left out at borders`} ·{" "}
            {labelOf(FORMATS, recipe.format)} · {bytes(dataset.bytes)}
          </Text>
          <Text size="sm" c="dimmed">
            {labelOf(POLICIES, recipe.policy)} · {labelOf(SPLITS, recipe.split ?? "")}
            {recipe.block_km && `, blocks of ${count(recipe.block_km)} km`}
            {recipe.split && `, seed ${recipe.seed}`} · {momentOf(dataset.created)}
          </Text>
          {dataset.fingerprint && (
            <Text size="xs" c="dimmed" mt={4} title="The same for datasets with the same chips, classes and splits">
              Fingerprint <Code>{dataset.fingerprint.slice(0, 16)}</Code>
            </Text>
          )}
        </div>
        <Group gap="xs">
          {dataset.here ? (
            <>
              <Button size="xs" variant="default" onClick={() => setAsking("card")}>
                Data card
              </Button>
              <Button
                component="a"
                href={`${BASE}api/v1/jobs/${dataset.id}/file`}
                download
                size="xs"
                leftSection={<IconDownload size={14} aria-hidden />}
              >
                Download
              </Button>
              {curator && (
                <Button size="xs" variant="default" onClick={() => setAsking("delete")}>
                  Delete
                </Button>
              )}
            </>
          ) : (
            <>
              <Badge variant="light" color="gray" tt="none">
                The file was deleted
              </Badge>
              {curator && (
                <Button
                  size="xs"
                  variant="default"
                  loading={again.isPending}
                  onClick={() => again.mutate({ kind: "export", parameters: { ...recipe } })}
                >
                  Make it again
                </Button>
              )}
            </>
          )}
        </Group>
      </Group>
      <Modal
        opened={asking === "card"}
        onClose={close}
        title="Data card"
        size="xl"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <DataCard dataset={dataset.id} />
      </Modal>
      <Modal opened={asking === "delete"} onClose={close} title="Delete the file of this dataset?">
        <Deletion dataset={dataset} close={close} />
      </Modal>
    </Paper>
  );
}

function Deletion({ dataset, close }: { dataset: Dataset; close: () => void }) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => get(api.DELETE("/api/v1/datasets/{dataset}", { params: { path: { dataset: dataset.id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["datasets"] }),
    onSettled: close,
  });
  return (
    <Stack>
      <Text>
        It frees {bytes(dataset.bytes)} on the server. The labels stay, and the dataset can be made again; more labels
        make it another one.
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={close}>
          Keep it
        </Button>
        <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
          Delete the file
        </Button>
      </Group>
    </Stack>
  );
}

function DataCard({ dataset }: { dataset: string }) {
  const [mapped, setMapped] = useState(true);
  const card = useQuery({
    queryKey: ["card", dataset],
    queryFn: () => askText(`api/v1/datasets/${dataset}/card`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (card.isPending) return <Loading what="Loading the data card" />;
  if (card.isLoadingError) return <Failed error={card.error} again={() => card.refetch()} />;
  return (
    <>
      {mapped && (
        <img
          src={`${BASE}api/v1/datasets/${dataset}/map`}
          alt="Map of the chips of this dataset"
          onError={() => setMapped(false)} // no chip has a place
          style={{ width: "100%", background: "#fff", borderRadius: 8 }}
        />
      )}
      <Markdown text={card.data} />
    </>
  );
}
