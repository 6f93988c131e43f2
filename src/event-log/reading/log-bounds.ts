import type { Broker, StreamEntry, StreamOffset } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';

/** The time in which a stream that has entries must deliver one; a healthy stream takes a few milliseconds. */
const READ_TIMEOUT_MS = 2_000;
/** The newest entries arrive together: a pause of this length follows the last one. */
const LAST_ENTRY_PAUSE_MS = 100;

/** Returns the oldest retained entry; undefined if the log is empty or delivers none within two seconds. */
export function firstEntry(broker: Pick<Broker, 'readStream'>, stream: string): Promise<StreamEntry | undefined> {
  return entryAt(broker, stream, 'first');
}

/** Returns the entry at an offset, or the first one after it; undefined if none is delivered within two seconds. */
export async function entryAt(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  from: StreamOffset,
): Promise<StreamEntry | undefined> {
  const [entry] = await gather(broker, stream, from, (seen) => seen.length > 0);
  return entry;
}

/** Returns the newest entry of the log; undefined if the log is empty or delivers none within two seconds. `pause`:
 *  milliseconds without a further entry after which the last one is the newest. */
export async function lastEntry(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  pause = LAST_ENTRY_PAUSE_MS,
): Promise<StreamEntry | undefined> {
  const entries = await gather(broker, stream, 'last', () => false, pause);
  return entries.at(-1);
}

/** Returns the newest entry like `lastEntry`, but undefined only if the log is empty, or if its first entries are so
 *  new that RabbitMQ does not count them yet (a few seconds). Rejects with `log.unreachable` if the log has entries
 *  and delivers none, or if the stream does not exist. */
export async function newestEntry(
  broker: Pick<Broker, 'readStream' | 'queueDepth'>,
  stream: string,
): Promise<StreamEntry | undefined> {
  const last = await lastEntry(broker, stream);
  if (last !== undefined) return last;
  const depth = await broker.queueDepth(stream);
  if (depth === undefined) {
    throw new FlotillaError('log.unreachable', `${stream}: there is no such stream; see flotilla topology apply`);
  }
  if (depth.ready > 0) throw new FlotillaError('log.unreachable', `${stream}: it has entries, but delivered none`);
  return undefined;
}

/** Reads entries until `enough`, until a pause after the last one, or until the timeout. */
async function gather(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  from: StreamOffset,
  enough: (seen: readonly StreamEntry[]) => boolean,
  pause = LAST_ENTRY_PAUSE_MS,
): Promise<StreamEntry[]> {
  const seen: StreamEntry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let reader: { close(): Promise<void> } | undefined;
  try {
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, READ_TIMEOUT_MS);
      const deadline = performance.now() + READ_TIMEOUT_MS;
      reader = broker.readStream(stream, {
        from,
        prefetch: 1000,
        onEntry: (entry) => {
          seen.push(entry);
          entry.done();
          if (enough(seen)) return resolve();
          clearTimeout(timer);
          timer = setTimeout(resolve, Math.min(pause, Math.max(0, deadline - performance.now())));
        },
      });
    });
    return seen;
  } finally {
    clearTimeout(timer);
    await reader?.close();
  }
}
