import { Writable } from 'node:stream';

/** Maximum number of bytes buffered for a slow reader of standard error; more is dropped. */
const MAX_PENDING_BYTES = 1024 * 1024;

let dropped = 0;

/** Returns the number of log lines that this process could not write. */
export function droppedLogLines(): number {
  return dropped;
}

const tolerated = new WeakSet<Writable>();

/** Keeps the process alive when standard error cannot be written: its disk is full, or its reader has exited. */
export function tolerateFailures(stream: Writable): void {
  if (tolerated.has(stream)) return;
  tolerated.add(stream);
  stream.on('error', () => undefined);
}

/** Writes log lines to `stream`. A line that cannot be written is dropped and counted. Every line is tried, so that
 *  logging continues as soon as possible; `recovered` is then called with the number of dropped lines. */
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
      if (stream.writableLength > MAX_PENDING_BYTES) drop();
      else stream.write(line, written);
      done();
    },
  });
}
