import type { Broker } from '../../broker/broker.js';
import type { Wakeup } from '../../concurrency/wakeup.js';
import { entryAt, firstEntry, lastEntry } from '../reading/log-bounds.js';
import { positionOf, type LogBreak, type LogPosition } from './position.js';
import type { LogSubscription } from '../reading/log-subscription.js';

export interface VerifyOptions {
  broker: Pick<Broker, 'readStream'>;
  stream: string;
  /** Notified when an entry arrives at the reader. */
  wakeup: Wakeup;
  /** Milliseconds after which a log that delivers no entry counts as empty. */
  patience: number;
  signal: AbortSignal;
}

/** How long the expected entry may take to arrive before the bounds of the log are read. */
const ARRIVAL_TIMEOUT_MS = 500;

/**
 * Checks whether the log still has the entry after which reading continues. `reader` reads from that position and drops
 * the entry if it is the same, so that nothing can change between the check and the reading. If the entry is gone, the
 * next one of `reader` is the first retained entry; after a reset the log must be read from its first entry.
 *
 * The broker reports neither case: a trimmed stream begins with its first retained entry, and a recreated one starts
 * again at offset 0. Resolves with undefined when the reader was interrupted or the signal aborted before the result
 * was known.
 */
export async function verifyPosition(
  reader: LogSubscription,
  expected: LogPosition,
  { broker, stream, wakeup, patience, signal }: VerifyOptions,
): Promise<'same' | LogBreak | undefined> {
  let emptySince: number | undefined;
  const isOver = () => signal.aborted || reader.interrupted;
  while (!isOver()) {
    const { next } = reader;
    if (next !== undefined) {
      const found = positionOf(next);
      if (found.offset === expected.offset && found.mark === expected.mark) {
        for (const entry of reader.take(1)) entry.done();
        return 'same';
      }
      const first = await firstEntry(broker, stream);
      if (isOver() || first === undefined) continue;
      // in one stream, all entries after a retained one are retained
      const isReset = found.offset === expected.offset || first.offset <= expected.offset;
      return isReset ? { kind: 'reset', expected, found: positionOf(first) } : { kind: 'gap', expected, found };
    }
    await wakeup.wait(ARRIVAL_TIMEOUT_MS);
    if (isOver() || reader.next !== undefined || !reader.reading) {
      if (!reader.reading) emptySince = undefined;
      continue;
    }
    const newest = await lastEntry(broker, stream);
    if (newest !== undefined && newest.offset < expected.offset) {
      return { kind: 'reset', expected, found: positionOf((await firstEntry(broker, stream)) ?? newest) };
    }
    emptySince = newest === undefined ? (emptySince ?? performance.now()) : undefined;
    if (emptySince !== undefined && performance.now() - emptySince >= patience && !isOver() && reader.reading) {
      return { kind: 'reset', expected, found: undefined };
    }
  }
  return undefined;
}

/** Whether the entry at this position is still retained. Offsets have holes, so a missing offset proves nothing; but
 *  while an entry is retained, so are all later ones. */
export async function isRetained(
  broker: Pick<Broker, 'readStream'>,
  stream: string,
  position: LogPosition,
): Promise<boolean> {
  const entry = await entryAt(broker, stream, position.offset);
  return entry !== undefined && entry.offset === position.offset && positionOf(entry).mark === position.mark;
}
