import { printable } from '../../../text/printable.js';

/** Shows on a terminal how far long work has come, in one line that is written over; says nothing into files and
 *  pipes. */
export interface Progress {
  show: (done: number, total: number, what: string) => void;
  /** Clears the line. */
  end: () => void;
}

const REDRAW_INTERVAL_MS = 100;
/** A longer line wraps, and is not written over. */
const MAX_WIDTH = 79;

export function createProgress(
  stream: { isTTY?: boolean; write: (text: string) => unknown } = process.stderr,
): Progress {
  let shownAt = 0;
  return {
    show(done, total, what) {
      const now = performance.now();
      if (stream.isTTY !== true || (now - shownAt < REDRAW_INTERVAL_MS && done < total)) return;
      shownAt = now;
      stream.write(`\r\u001b[K${printable(`${done}/${total} ${what}`, MAX_WIDTH)}`);
    },
    end() {
      if (shownAt > 0) stream.write('\r\u001b[K');
    },
  };
}
