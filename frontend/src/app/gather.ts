/** Act once for many calls: `milliseconds` after the first of them, so that the last is never left out. */
export function gather(act: () => void, milliseconds: number): { call: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    timer = undefined;
    act();
  };
  return {
    call: () => {
      timer ??= setTimeout(run, milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}
