import { Writable } from 'node:stream';

/** Bytes that may wait for a reader of standard error that is slow; more is dropped. */
const MAX_PENDING = 1024 * 1024;

let dropped = 0;

/** Log lines that this process could not write. */
export function droppedLogLines(): number {
  return dropped;
}

const tolerated = new WeakSet<Writable>();

/** Lets the process live on when standard error cannot be written: its disk is full, or its reader has gone. */
export function tolerateFailures(stream: Writable): void {
  if (tolerated.has(stream)) return;
  tolerated.add(stream);
  stream.on('error', () => undefined);
}

/** Writes log lines to `stream`. A line that cannot be written is dropped and counted; each is tried, so that logging
 *  continues as soon as there is space again, and `recovered` is then called with how many are missing. */
export function logOutput(stream: Writable, recovered: (missing: number) => void): Writable {
  let missing = 0;
  tolerateFailures(stream);
  const drop = () => {
    missing += 1;
    dropped += 1;
  };
  const written = (error?: Error | null) => {
    if (error) {
      drop();
    } else if (missing > 0) {
      const count = missing;
      missing = 0;
      recovered(count);
    }
  };
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      if (stream.writableLength > MAX_PENDING) drop();
      else stream.write(line, written);
      done();
    },
  });
}
