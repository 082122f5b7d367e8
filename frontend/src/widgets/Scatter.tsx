/** A cloud of points to look at, to move in, and to choose from with a lasso. Everything also works by buttons. */
import { ActionIcon, Button, Group, SegmentedControl, Text, Tooltip } from "@mantine/core";
import { useDebouncedValue, useElementSize } from "@mantine/hooks";
import { IconFocusCentered, IconMinus, IconPlus } from "@tabler/icons-react";
import { type PointerEvent, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { fitting, inView, lassoed, nearest, stamp, type Window2, within, zoomed } from "./points";
import classes from "./Scatter.module.css";

export interface ScatterProps {
  x: Float32Array;
  y: Float32Array;
  colors: Uint32Array; // of each point, as `packColors` gives them; 0 hides it
  passing?: Uint8Array | null; // 1: can be counted and selected; null: all
  front?: ArrayLike<number>; // points drawn last and larger: results and what is selected
  label: string;
  legend?: ReactNode;
  onSelect: (points: Uint32Array, how: "replace" | "add") => void;
  onOpen: (point: number) => void;
}

const WAYS: Record<string, [x: number, y: number]> = {
  ArrowLeft: [40, 0],
  ArrowRight: [-40, 0],
  ArrowUp: [0, 40],
  ArrowDown: [0, -40],
};

const number = new Intl.NumberFormat("en");

export function Scatter({ x, y, colors, passing = null, front, label, legend, onSelect, onOpen }: ScatterProps) {
  const { ref, ...size } = useElementSize<HTMLDivElement>();
  const [width, height] = [Math.floor(size.width), Math.floor(size.height)];
  const canvas = useRef<HTMLCanvasElement>(null);
  const whole = useMemo(() => fitting(x, y, width, height), [x, y, width, height]);
  const [moved, setMoved] = useState<Window2 | null>(null);
  const [mode, setMode] = useState("move");
  const [line, setLine] = useState<number[]>([]); // of the lasso, on the screen
  const pressed = useRef<{ x: number; y: number; window: Window2; far: boolean } | null>(null);
  const window = moved ?? whole;

  // Before anything is painted: a canvas of a new size is empty, and would be seen so for a moment.
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || width < 2 || height < 2) return;
    const picture = context.createImageData(width, height);
    const pixels = new Uint32Array(picture.data.buffer);
    const close = window.scaleX / whole.scaleX;
    const side = Math.min(
      9,
      Math.round((x.length > 200_000 ? 1 : x.length > 20_000 ? 2 : 4) * Math.max(1, close ** 0.4)),
    );
    const color = (index: number) => colors[index] as number;
    stamp(pixels, width, height, x, y, window, side, color);
    if (front) stamp(pixels, width, height, x, y, window, side + 2, color, front);
    context.putImageData(picture, 0, 0);
  }, [x, y, colors, front, window, whole, width, height]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    // React listens passively to the wheel, and the page would scroll too.
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      setMoved((now) => zoomed(now ?? whole, Math.exp(-event.deltaY / 400), [event.offsetX, event.offsetY]));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [whole]);

  const zoom = (factor: number) => setMoved(zoomed(window, factor, [width / 2, height / 2]));
  const pan = (dx: number, dy: number) =>
    setMoved({ ...window, shiftX: window.shiftX + dx, shiftY: window.shiftY + dy });

  const down = (event: PointerEvent<HTMLCanvasElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    const { offsetX, offsetY } = event.nativeEvent;
    pressed.current = { x: offsetX, y: offsetY, window, far: false };
    if (mode === "lasso") setLine([offsetX, offsetY]);
  };
  const move = (event: PointerEvent<HTMLCanvasElement>) => {
    const start = pressed.current;
    if (!start) return;
    const { offsetX, offsetY } = event.nativeEvent;
    start.far ||= Math.hypot(offsetX - start.x, offsetY - start.y) > 4;
    if (mode === "lasso") setLine((before) => [...before, offsetX, offsetY]);
    else if (start.far)
      setMoved({
        ...start.window,
        shiftX: start.window.shiftX + offsetX - start.x,
        shiftY: start.window.shiftY + offsetY - start.y,
      });
  };
  const up = (event: PointerEvent<HTMLCanvasElement>) => {
    const start = pressed.current;
    pressed.current = null;
    if (mode === "lasso" && line.length > 6) {
      onSelect(lassoed(line, x, y, window, width, height, passing), event.shiftKey ? "add" : "replace");
    } else if (start && !start.far) {
      const point = nearest(x, y, window, [start.x, start.y]);
      if (point >= 0) onOpen(point);
    }
    setLine([]);
  };

  const [rested] = useDebouncedValue(window, 150); // counting a million points takes longer than drawing a frame
  const seen = useMemo(
    () => (width ? within(inView(rested, width, height), x, y, passing) : null),
    [rested, width, height, x, y, passing],
  );
  return (
    <div className={classes.frame}>
      <Group gap={6} wrap="wrap">
        <SegmentedControl
          size="xs"
          value={mode}
          onChange={setMode}
          aria-label="What dragging does"
          data={[
            { value: "move", label: "Move" },
            { value: "lasso", label: "Lasso" },
          ]}
        />
        <Knob label="Closer" onClick={() => zoom(1.6)} icon={<IconPlus size={16} />} />
        <Knob label="Further away" onClick={() => zoom(1 / 1.6)} icon={<IconMinus size={16} />} />
        <Knob label="All of it" onClick={() => setMoved(null)} icon={<IconFocusCentered size={16} />} />
        <Button
          size="compact-xs"
          variant="light"
          disabled={!seen?.length}
          onClick={() => seen && onSelect(seen, "replace")}
        >
          Select the {number.format(seen?.length ?? 0)} in view
        </Button>
      </Group>
      <div ref={ref} className={classes.view}>
        <canvas
          ref={canvas}
          width={width}
          height={height}
          role="img"
          aria-label={`${label}. Arrow keys move, plus and minus zoom.`}
          tabIndex={0}
          data-mode={mode}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={() => setLine([])}
          onKeyDown={(event) => {
            const way = WAYS[event.key];
            if (way) pan(...way);
            else if (event.key === "+") zoom(1.3);
            else if (event.key === "-") zoom(1 / 1.3);
            else return;
            event.preventDefault();
          }}
        />
        {line.length > 2 && (
          <svg className={classes.lasso} aria-hidden="true">
            <polygon points={line.join(" ")} />
          </svg>
        )}
      </div>
      <Text size="xs" c="dimmed" role="status">
        {number.format(seen?.length ?? 0)} of {number.format(x.length)} chips in view
      </Text>
      {legend}
    </div>
  );
}

function Knob({ label, onClick, icon }: { label: string; onClick: () => void; icon: ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size={26} aria-label={label} onClick={onClick}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}

export default Scatter;
