import { printable } from '../../../text/printable.js';

/** Prints the progress of a long operation on a terminal, in one line that is overwritten. Prints nothing to files and
 *  pipes. */
export interface Progress {
  show: (done: number, total: number, what: string) => void;
  /** Shows a number whose total is not known. */
  count: (done: number, what: string) => void;
  /** Clears the line. */
  end: () => void;
}

const REDRAW_INTERVAL_MS = 100;
/** A longer line would wrap, which prevents overwriting it. */
const MAX_WIDTH = 79;

export function createProgress(
  stream: { isTTY?: boolean; write: (text: string) => unknown } = process.stderr,
): Progress {
  let shownAt = 0;
  const draw = (line: string, isLast: boolean) => {
    const now = performance.now();
    if (stream.isTTY !== true || (now - shownAt < REDRAW_INTERVAL_MS && !isLast)) return;
    shownAt = now;
    stream.write(`\r\u001b[K${printable(line, MAX_WIDTH)}`);
  };
  return {
    show: (done, total, what) => draw(`${done}/${total} ${what}`, done >= total),
    count: (done, what) => draw(`${done} ${what}`, false),
    end() {
      if (shownAt > 0) stream.write('\r\u001b[K');
    },
  };
}
