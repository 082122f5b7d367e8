/** The place as text: degrees, GeoJSON, or a link to NASA Worldview; typed, pasted, or read from a file. */
import { Button, FileButton, Group, Textarea } from "@mantine/core";
import { useEffect, useState } from "react";
import { type Place, readPlace, writePlace } from "./place";

const MOST_BYTES = 100_000; // the server keeps a region with its job, and refuses larger ones

export function PlaceField({ place, onPlace }: { place: Place | null; onPlace: (place: Place | null) => void }) {
  const [text, setText] = useState(() => writePlace(place));
  const [wrong, setWrong] = useState<string | null>(null);
  useEffect(() => {
    setText(writePlace(place));
    setWrong(null);
  }, [place]);

  const take = (given: string) => {
    if (!given.trim()) return onPlace(null);
    if (given === writePlace(place)) return;
    const found =
      given.length > MOST_BYTES ? "This region has too many corners. Simplify its outline." : readPlace(given);
    if (typeof found === "string") return setWrong(found);
    setWrong(null);
    onPlace(found);
  };
  return (
    <Group align="flex-end" gap="xs" mt="md">
      <Textarea
        label="Or say it"
        description="West, south, east, north in degrees; GeoJSON; or a link to NASA Worldview, with its layers and day."
        placeholder="-10, 30, 10, 45"
        value={text}
        error={wrong}
        autosize
        minRows={1}
        maxRows={4}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={() => take(text)}
        onPaste={(event) => {
          event.preventDefault();
          const pasted = event.clipboardData.getData("text");
          setText(pasted);
          take(pasted);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          take(text);
        }}
        style={{ flex: "1 1 260px" }}
      />
      <FileButton
        accept=".geojson,.json,application/geo+json"
        onChange={async (file) => {
          if (!file) return;
          if (file.size > MOST_BYTES) return setWrong("This file is larger than 100 kB. Simplify its outline.");
          take(await file.text());
        }}
      >
        {(props) => (
          <Button {...props} variant="default">
            Open GeoJSON
          </Button>
        )}
      </FileButton>
    </Group>
  );
}
