/** A code that pairs one browser, for as long as it works. */
import { Alert, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { BASE, type Schemas } from "../api/client";
import { inHalves, timeLeft } from "./pairing";
import { Copied } from "./SecretLink";
import { linkOf } from "./words";

const Qr = lazy(() => import("./Qr"));

interface Props {
  offer: Schemas["Offer"];
  paired: boolean;
  again: () => void;
  done: () => void;
}

export function PairingCode({ offer, paired, again, done }: Props) {
  const left = useTimeLeft(offer.expires);
  if (paired)
    return (
      <Alert variant="light" color="green" icon={<IconCheck aria-hidden />} title="Paired" role="status">
        <Text size="sm" mb="xs">
          Open NASA Worldview in that browser and press Alt+Shift+S.
        </Text>
        <Button variant="default" size="xs" onClick={done}>
          Done
        </Button>
      </Alert>
    );
  if (left === null)
    return (
      <Alert variant="light" color="orange" title="The code has expired" role="status">
        <Button variant="default" size="xs" onClick={again}>
          Make a new one
        </Button>
      </Alert>
    );
  const address = linkOf(BASE, "/", window.location.origin).replace(/\/$/, "");
  const code = inHalves(offer.code);
  return (
    <Alert variant="light" title="Type this into the extension's settings">
      <Group align="flex-start" gap="lg">
        <Stack gap="xs" style={{ flex: "1 1 280px" }}>
          <Copied label="Pairing code" value={code} />
          <Copied label="Server address" value={address} />
          <Text size="sm">
            It works once, for <span role="timer">{left}</span> more.
          </Text>
          <Button variant="default" size="xs" onClick={done} style={{ alignSelf: "flex-start" }}>
            Hide
          </Button>
        </Stack>
        <Suspense fallback={<Loader size="sm" aria-label="Drawing the QR code" />}>
          <Qr text={`${address} ${code}`} />
        </Suspense>
      </Group>
    </Alert>
  );
}

function useTimeLeft(until: string): string | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(ticking);
  }, []);
  return timeLeft(until, now);
}
