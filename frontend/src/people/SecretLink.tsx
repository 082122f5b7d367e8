/** A link that is shown once: copy it, or let a phone read it. */
import { Alert, Button, Group, Loader, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { lazy, Suspense, useRef } from "react";
import { BASE } from "../api/client";
import { useCopy } from "../app/copy";
import { duration } from "../app/words";
import { isLocal, linkOf } from "./words";

const Qr = lazy(() => import("./Qr"));

interface Props {
  title: string;
  path: string;
  days: number;
  done: () => void;
}

export function SecretLink({ title, path, days, done }: Props) {
  const link = linkOf(BASE, path, window.location.origin);
  return (
    <Alert variant="light" title={title} role="status">
      <Group align="flex-start" gap="lg">
        <Stack gap="xs" style={{ flex: "1 1 280px" }}>
          <Text size="sm">It is shown this once, and works for {duration(days * 86_400)}.</Text>
          <Copied label="The link" value={link} />
          {isLocal(window.location.hostname) && (
            <Text size="sm">
              This address works on this machine only. For others, start the server with{" "}
              <code>curator serve --host 0.0.0.0</code>, or behind a proxy, open it under its own name, and make the
              link there.
            </Text>
          )}
          <Button variant="default" size="xs" onClick={done} style={{ alignSelf: "flex-start" }}>
            I have kept it
          </Button>
        </Stack>
        <Suspense fallback={<Loader size="sm" aria-label="Drawing the QR code" />}>
          <Qr text={link} />
        </Suspense>
      </Group>
    </Alert>
  );
}

export function Copied({ label, value }: { label: string; value: string }) {
  const field = useRef<HTMLInputElement>(null);
  const { state, copy, leave } = useCopy(value);
  return (
    <Group gap="xs" align="flex-end" wrap="nowrap">
      <TextInput
        ref={field}
        label={label}
        description={state === "by hand" && "Your browser lets you copy it from here only: Ctrl C."}
        value={value}
        readOnly
        onFocus={(event) => event.currentTarget.select()}
        style={{ flex: 1, minWidth: 0 }}
      />
      <Button
        variant="light"
        onClick={async () => (await copy()) || field.current?.focus()} // which selects it
        onBlur={leave}
        leftSection={state === "copied" ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
      >
        {state === "copied" ? "Copied" : "Copy"}
      </Button>
    </Group>
  );
}
