import type { Broker, StreamEntry, StreamOffset } from '../broker/contract.js';
import { FlotillaError } from '../errors.js';

/** How long a stream that has entries takes at most to give one, in milliseconds; a healthy one takes single ones. */
const ANSWER_LIMIT = 2_000;
/** The newest entries come together: after so many milliseconds without another, that was the last. */
const QUIET = 100;

/** The oldest entry that the log still has; undefined where it is empty, or gave none within two seconds. */
export function firstEntry(broker: Pick<Broker, 'readStream'>, stream: string): Promise<StreamEntry | undefined> {
  return entryAt(broker, stream, 'first');
}

/** The entry at an offset, or else the first one after it; undefined where there is none within two seconds. */
export async function entryAt(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  from: StreamOffset,
): Promise<StreamEntry | undefined> {
  const [entry] = await gather(broker, stream, from, (seen) => seen.length > 0);
  return entry;
}

/** The newest entry of the log, of those that it had when it was asked; undefined where it is empty, or gave none within
 *  two seconds. */
export async function lastEntry(broker: Pick<Broker, 'readStream'>, stream: string): Promise<StreamEntry | undefined> {
  const entries = await gather(broker, stream, 'last', () => false);
  return entries.at(-1);
}

/** As `lastEntry`, but undefined only where the log is empty, or has had entries for a few seconds only, in which RabbitMQ
 *  does not count them yet. Rejects with `log.unreachable` where it has entries and gave none, or where there is no such
 *  stream. */
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
  if (depth.ready > 0) throw new FlotillaError('log.unreachable', `${stream}: it has entries, but gave none`);
  return undefined;
}

/** Entries until it is enough, until a pause after the first of them, or until the time is over. */
async function gather(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  from: StreamOffset,
  enough: (seen: readonly StreamEntry[]) => boolean,
): Promise<StreamEntry[]> {
  const seen: StreamEntry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let reader: { close(): Promise<void> } | undefined;
  try {
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ANSWER_LIMIT);
      const deadline = performance.now() + ANSWER_LIMIT;
      reader = broker.readStream(stream, {
        from,
        prefetch: 1000,
        onEntry: (entry) => {
          seen.push(entry);
          entry.done();
          if (enough(seen)) return resolve();
          clearTimeout(timer);
          timer = setTimeout(resolve, Math.min(QUIET, Math.max(0, deadline - performance.now())));
        },
      });
    });
    return seen;
  } finally {
    clearTimeout(timer);
    await reader?.close();
  }
}
