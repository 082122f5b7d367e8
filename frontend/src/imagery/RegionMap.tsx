/** A map on which one draws where imagery is wanted, and sees the chips that would come. */
import "ol/ol.css";
import { Button, Group, SegmentedControl, useComputedColorScheme } from "@mantine/core";
import { IconPolygon, IconSquare } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import type { Crs } from "./order";
import { type Geometry, type Place, writePlace } from "./place";
import styles from "./RegionMap.module.css";
import { type Drawing, RegionView } from "./regionView";

interface Props {
  place: Place | null;
  /** The region as the server understands it: of a link, only it knows. */
  understood: Geometry | null;
  grid: Geometry | null;
  crs: Crs;
  /** A link says which projection it shows. */
  fixed: boolean;
  onCrs: (crs: Crs) => void;
  onPlace: (place: Place | null) => void;
}

export default function RegionMap({ place, understood, grid, crs, fixed, onCrs, onPlace }: Props) {
  const target = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<RegionView | null>(null);
  const [drawing, setDrawing] = useState<Drawing>(null);
  const dark = useComputedColorScheme("light") === "dark";
  const take = useRef(onPlace);
  take.current = onPlace;
  const shown = useRef<[view: RegionView | null, text: string]>([null, ""]); // what was drawn there needs no going there

  useEffect(() => {
    if (!target.current) return;
    const made = new RegionView(target.current, crs, dark, (found) => {
      shown.current = [made, writePlace(found)];
      setDrawing(null);
      take.current(found);
    });
    setView(made);
    return () => made.end();
  }, [crs, dark]);
  useEffect(() => view?.draw(drawing), [view, drawing]);
  useEffect(() => {
    if (!view) return;
    const text = writePlace(place) + (understood ? " as understood" : "");
    view.setRegion(place, understood, shown.current[0] !== view || shown.current[1] !== text);
    shown.current = [view, text];
  }, [view, place, understood]);
  useEffect(() => view?.setGrid(grid), [view, grid]);

  const tool = (what: Exclude<Drawing, null>, name: string, how: string, icon: React.ReactNode) => (
    <Button
      size="xs"
      variant={drawing === what ? "filled" : "default"}
      aria-pressed={drawing === what}
      leftSection={icon}
      onClick={() => setDrawing(drawing === what ? null : what)}
    >
      {drawing === what ? how : name}
    </Button>
  );
  return (
    <div className={styles.frame}>
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="Map"
          value={crs}
          disabled={fixed}
          onChange={(value) => onCrs(value as Crs)}
          data={[
            { value: "EPSG:4326", label: "World" },
            { value: "EPSG:3413", label: "Arctic" },
            { value: "EPSG:3031", label: "Antarctic" },
          ]}
        />
        {tool("box", "Draw a box", "Drag on the map", <IconSquare size={15} aria-hidden />)}
        {tool(
          "polygon",
          "Draw a polygon",
          "Click the corners, double-click the last",
          <IconPolygon size={15} aria-hidden />,
        )}
        {place && (
          <Button size="xs" variant="subtle" onClick={() => onPlace(null)}>
            Clear
          </Button>
        )}
      </Group>
      <div
        ref={target}
        className={styles.map}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the map
        tabIndex={0}
        role="application"
        aria-label="Map of where imagery is wanted. Arrow keys move, plus and minus zoom. The place can also be typed below."
        data-drawing={drawing ?? undefined}
      />
    </div>
  );
}
