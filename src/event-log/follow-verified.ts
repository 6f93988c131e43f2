import type { Broker, StreamEntry } from '../broker/contract.js';
import { FlotillaError } from '../errors.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { BEFORE_ALL, placeOf, type LogBreak, type LogPlace } from './place.js';
import { Reading } from './reading.js';
import { isKept, verifyPlace } from './verify.js';

export interface FollowVerifiedOptions {
  /** Up to where the reader is done; undefined for one that has never begun. */
  from: LogPlace | undefined;
  /** Entries in one portion at most, and twice as many in memory. @default 500 */
  portion?: number;
  /** Milliseconds after which a log that should have entries and gives none is taken for one made anew. @default 10000 */
  patience?: number;
  /** Runs whenever reading begins again where it was, before anything more is given: a broker that has come back has what
   *  lies there, but it may have lost what it had confirmed behind it. */
  onResume?: () => Promise<void>;
  signal: AbortSignal;
}

/** What comes next: entries, in order and not empty; or that the log is not what it was, and what follows does not go on
 *  from what came before. */
export type LogPortion = { kind: 'entries'; entries: readonly StreamEntry[] } | { kind: 'broken'; broken: LogBreak };

const IDLE = 60_000;

/** Reads the log on from a place, as `followLog`, and makes sure that it is the same log and that nothing is left out: at
 *  the beginning, after each time that reading began anew, and where offsets leap. One that has never begun is given the
 *  break `start` first. After a break it goes on with the first entry there is. Ends when the signal aborts; throws
 *  `broker.closed` when the broker is closed under it. */
export async function* followVerified(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>,
  stream: string,
  { from, portion = 500, patience = 10_000, onResume, signal }: FollowVerifiedOptions,
): AsyncGenerator<LogPortion, void, undefined> {
  const bell = new Wakeup();
  const ring = () => bell.notify();
  const stopListening = broker.onState(ring);
  signal.addEventListener('abort', ring);
  /** Up to where it was given out; undefined where reading begins with whatever is there. */
  let last = from;
  if (last === undefined) {
    yield { kind: 'broken', broken: { kind: 'start', expected: BEFORE_ALL, found: undefined } };
  }
  try {
    while (!isOver()) {
      const at = last === undefined || last.offset < 0 ? 'first' : last.offset;
      const reading = new Reading(broker, stream, { from: at, prefetch: portion * 2, ring });
      try {
        let isBroken = false;
        if (at !== 'first' && last !== undefined) {
          const verdict = await verifyPlace(reading, last, { broker, stream, bell, patience, signal });
          if (verdict === undefined) continue;
          if (verdict !== 'same') {
            yield { kind: 'broken', broken: verdict };
            isBroken = true;
            if (verdict.kind === 'reset') {
              last = undefined;
              continue;
            }
          }
        }
        if (last !== undefined && !isBroken) await onResume?.();
        while (!isOver() && !reading.interrupted) {
          const entries = reading.take(portion);
          const [first] = entries;
          if (first === undefined) {
            await bell.wait(IDLE);
            continue;
          }
          if (last?.offset === BEFORE_ALL.offset && first.offset > 0 && !isBroken) {
            yield { kind: 'broken', broken: { kind: 'gap', expected: last, found: placeOf(first) } };
          }
          const leap = await lostBefore(isBroken ? undefined : last, entries);
          isBroken = false;
          if (isOver()) break;
          const whole = leap === undefined ? entries : entries.slice(0, leap);
          const newest = whole.at(-1);
          if (newest !== undefined) {
            yield { kind: 'entries', entries: whole };
            last = placeOf(newest);
          }
          for (const entry of entries) entry.done();
          // the next reading finds out what is missing
          if (leap !== undefined) break;
        }
        // whatever is first by the time it is read again: nothing of it was read before
        if (reading.interrupted) last ??= BEFORE_ALL;
      } finally {
        await reading.close();
      }
    }
  } finally {
    signal.removeEventListener('abort', ring);
    stopListening();
  }

  /** The index of an entry before which there may be others that are not kept any more. */
  async function lostBefore(
    before: LogPlace | undefined,
    entries: readonly StreamEntry[],
  ): Promise<number | undefined> {
    let previous = before;
    for (const [index, entry] of entries.entries()) {
      if (previous !== undefined && previous.offset >= 0 && entry.offset > previous.offset + 1) {
        // as long as this one is kept, so is all that came after it
        return (await isKept(broker, stream, previous)) ? undefined : index;
      }
      previous = placeOf(entry);
    }
    return undefined;
  }

  function isOver(): boolean {
    if (broker.state === 'closed' && !signal.aborted) throw new FlotillaError('broker.closed');
    return signal.aborted;
  }
}
