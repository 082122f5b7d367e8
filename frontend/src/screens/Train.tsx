/** Encoders: teach one, watch it learn, see whether it is better, use it, and compare any two. */
import { SimpleGrid, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, get } from "../api/client";
import { Empty, Failed, Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay } from "../app/who";
import { Compare } from "../train/Compare";
import { EncoderCard } from "../train/EncoderCard";
import { Teach } from "../train/Teach";
import { Trainings } from "../train/Trainings";

export default function Train() {
  const curator = useMay("curator");
  const [asked] = useSearchParams();
  const encoders = useQuery({ queryKey: ["encoders"], queryFn: () => get(api.GET("/api/v1/encoders")) });
  return (
    <Page
      title="Encoders"
      lead="An encoder turns each chip into a vector, so that chips that look alike lie close together."
    >
      {encoders.isPending && <Loading what="Loading the encoders" />}
      {encoders.isLoadingError && <Failed error={encoders.error} again={() => encoders.refetch()} />}
      {encoders.data && (
        <>
          {curator && (
            <Teach
              missing={encoders.data.training}
              encoders={encoders.data.encoders}
              chips={encoders.data.chips}
              task={asked.get("task")}
            />
          )}
          <Trainings encoders={encoders.data.encoders} chips={encoders.data.chips} />
          <Title order={3} size="h4">
            All encoders
          </Title>
          {encoders.data.encoders.length === 0 && (
            <Empty title="No encoder is installed">
              Whoever runs the server can add one: <code>curator encoders add FILE</code>
            </Empty>
          )}
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            {encoders.data.encoders.map((encoder) => (
              <EncoderCard key={encoder.id} encoder={encoder} chips={encoders.data.chips} />
            ))}
          </SimpleGrid>
          <Compare encoders={encoders.data.encoders} chips={encoders.data.chips} />
        </>
      )}
    </Page>
  );
}
