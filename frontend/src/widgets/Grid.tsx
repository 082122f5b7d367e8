/** A grid of any length: draws what is in view, moves by keys, and reaches the last of a million. */
import { useElementSize, useMergedRef } from "@mantine/hooks";
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useReducer,
  useRef,
} from "react";
import classes from "./Grid.module.css";
import { moved, rowsInView, Scroller, shapeOf } from "./gridMath";

export interface GridProps {
  total: number;
  size: number; // of a cell, about, in pixels
  caption?: number; // height below the picture
  label: string;
  active: number;
  onActive: (index: number) => void;
  selected: (index: number) => boolean;
  cell: (index: number, size: number) => ReactNode;
  name: (index: number) => string; // what a screen reader says of a cell
  onKey?: (event: KeyboardEvent, index: number) => void;
  onRange?: (first: number, last: number) => void;
  multiselectable?: boolean;
}

const GAP = 8;

export function Grid(props: GridProps) {
  const { total, size, caption = 0, active } = props;
  const id = useId();
  const { ref: measure, height } = useElementSize<HTMLDivElement>();
  const { ref: measureWidth, width } = useElementSize<HTMLDivElement>(); // without the scroll bar
  const view = useRef<HTMLDivElement | null>(null);
  const element = useMergedRef(measure, view);
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const shape = shapeOf(total, width, size, GAP);
  const pitch = shape.cell + caption + GAP;
  const scroller = useScroller(shape.rows * pitch, height, pitch, shape.columns, view);
  const [firstRow, lastRow] = rowsInView(scroller.place, height, pitch, shape.rows);
  const first = firstRow * shape.columns;
  const last = Math.min(total, lastRow * shape.columns);

  const { onRange } = props;
  useEffect(() => {
    if (width > 0) onRange?.(first, last);
  }, [onRange, first, last, width]);

  const settle = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onScroll = () => {
    const box = view.current;
    if (!box) return;
    scroller.scrolled(box.scrollTop);
    clearTimeout(settle.current);
    const putBack = () => {
      if (scroller.astray) box.scrollTop = scroller.go(scroller.place);
      redraw();
    };
    if (box.scrollTop === 0 || box.scrollTop + height >= scroller.tall - 1) putBack();
    else settle.current = setTimeout(putBack, 150);
    redraw();
  };

  const show = (index: number) => {
    const top = Math.floor(index / shape.columns) * pitch;
    if (top < scroller.place || top + pitch > scroller.place + height) {
      const to = top < scroller.place ? top : top + pitch - height;
      const position = scroller.go(to);
      if (view.current) view.current.scrollTop = position;
      redraw();
    }
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const to = moved(event.key, active, shape, Math.max(1, Math.floor(height / pitch)));
    if (to === null) return props.onKey?.(event, active);
    event.preventDefault();
    show(to);
    props.onActive(to);
    if (event.shiftKey) props.onKey?.(event, to);
  };

  const rows = [];
  for (let row = firstRow; row < lastRow; row++) {
    rows.push(<Row key={row} {...props} id={id} row={row} columns={shape.columns} side={shape.cell} />);
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: no table of HTML can be virtual
    <div
      ref={element}
      role="grid"
      tabIndex={0}
      className={classes.view}
      aria-label={props.label}
      aria-rowcount={shape.rows}
      aria-colcount={shape.columns}
      aria-multiselectable={props.multiselectable}
      aria-activedescendant={active >= first && active < last ? `${id}-${active}` : undefined}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div ref={measureWidth} className={classes.tall} style={{ height: scroller.tall }} role="presentation">
        <div
          className={classes.rows}
          style={
            {
              "--caption": `${caption}px`,
              transform: `translateY(${scroller.offset(firstRow * pitch)}px)`,
              gap: GAP,
              gridAutoRows: pitch - GAP,
            } as CSSProperties
          }
        >
          {rows}
        </div>
      </div>
    </div>
  );
}

type RowProps = GridProps & { id: string; row: number; columns: number; side: number };

const Row = memo(function Row({ id, row, columns, side, total, selected, active, cell, name }: RowProps) {
  const cells = [];
  for (let index = row * columns; index < Math.min(total, (row + 1) * columns); index++) {
    cells.push(
      // biome-ignore lint/a11y/useSemanticElements: no table of HTML can be virtual
      // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus and names its active cell
      <div
        key={index}
        id={`${id}-${index}`}
        role="gridcell"
        aria-colindex={index - row * columns + 1}
        aria-selected={selected(index)}
        aria-label={name(index)}
        data-active={index === active || undefined}
        className={classes.cell}
      >
        {cell(index, side)}
      </div>,
    );
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: no table of HTML can be virtual
    // biome-ignore lint/a11y/useFocusableInteractive: rows are not stops of the keyboard
    <div
      role="row"
      aria-rowindex={row + 1}
      className={classes.row}
      style={{ gridTemplateColumns: `repeat(${columns}, ${side}px)`, gap: GAP }}
    >
      {cells}
    </div>
  );
});

/** One for as long as the shape stays; when it changes, what was on top stays on top. */
function useScroller(
  full: number,
  height: number,
  pitch: number,
  columns: number,
  view: { readonly current: HTMLDivElement | null },
) {
  const kept = useRef({ scroller: new Scroller(full, height), pitch, columns });
  const before = kept.current;
  if (before.scroller.full !== full || before.scroller.view !== height) {
    const top = Math.floor(before.scroller.place / before.pitch) * before.columns;
    const scroller = new Scroller(full, height);
    scroller.go(
      before.pitch === pitch && before.columns === columns ? before.scroller.place : Math.floor(top / columns) * pitch,
    );
    kept.current = { scroller, pitch, columns };
  }
  const { scroller } = kept.current;
  useLayoutEffect(() => {
    if (view.current) view.current.scrollTop = scroller.rest;
  }, [scroller, view]);
  return scroller;
}
