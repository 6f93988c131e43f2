import type { Broker } from '../broker/contract.js';
import type { Wakeup } from '../concurrency/wakeup.js';
import { entryAt, firstEntry, lastEntry } from './bounds.js';
import { placeOf, type LogBreak, type LogPlace } from './place.js';
import type { Reading } from './reading.js';

export interface VerifyOptions {
  broker: Pick<Broker, 'readStream'>;
  stream: string;
  /** Rings when something arrives at the reading. */
  bell: Wakeup;
  /** Milliseconds after which a log that gives nothing at all is taken for an empty one. */
  patience: number;
  signal: AbortSignal;
}

/** Milliseconds for the entry that should be there to come, before the rest of the log is looked at. */
const LOOK = 500;

/**
 * Whether the log still has, at its place, the entry after which a reader goes on. `reading` reads from that very place:
 * the entry is taken from it where it is the same, so that nothing can change between the look and the reading. Where it
 * is gone, what `reading` has next is the first entry that is kept; after a reset the log is to be read from its first.
 *
 * A trimmed log silently begins with what it has, a log made anew counts from 0: neither says so by itself. Undefined
 * when the reading was interrupted or the signal aborted before it was known.
 */
export async function verifyPlace(
  reading: Reading,
  expected: LogPlace,
  { broker, stream, bell, patience, signal }: VerifyOptions,
): Promise<'same' | LogBreak | undefined> {
  let emptySince: number | undefined;
  const isOver = () => signal.aborted || reading.interrupted;
  while (!isOver()) {
    const { next } = reading;
    if (next !== undefined) {
      const found = placeOf(next);
      if (found.offset === expected.offset && found.mark === expected.mark) {
        for (const entry of reading.take(1)) entry.done();
        return 'same';
      }
      const first = await firstEntry(broker, stream);
      if (isOver() || first === undefined) continue;
      // of one and the same log, the entries from a kept one on are kept
      const isReset = found.offset === expected.offset || first.offset <= expected.offset;
      return isReset ? { kind: 'reset', expected, found: placeOf(first) } : { kind: 'gap', expected, found };
    }
    await bell.wait(LOOK);
    if (isOver() || reading.next !== undefined || !reading.reading) {
      if (!reading.reading) emptySince = undefined;
      continue;
    }
    const newest = await lastEntry(broker, stream);
    if (newest !== undefined && newest.offset < expected.offset) {
      return { kind: 'reset', expected, found: placeOf((await firstEntry(broker, stream)) ?? newest) };
    }
    emptySince = newest === undefined ? (emptySince ?? performance.now()) : undefined;
    if (emptySince !== undefined && performance.now() - emptySince >= patience && !isOver() && reading.reading) {
      return { kind: 'reset', expected, found: undefined };
    }
  }
  return undefined;
}

/** Whether the entry at this place is still kept. Offsets rise with holes, so that a leap says nothing; but while the
 *  entry before it is kept, so was all that came after. */
export async function isKept(broker: Pick<Broker, 'readStream'>, stream: string, place: LogPlace): Promise<boolean> {
  const entry = await entryAt(broker, stream, place.offset);
  return entry !== undefined && entry.offset === place.offset && placeOf(entry).mark === place.mark;
}
