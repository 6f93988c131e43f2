import type { Broker, StreamEntry } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { BEFORE_FIRST, positionOf, type LogBreak, type LogPosition } from '../positions/position.js';
import { lastEntry } from './log-bounds.js';
import { LogSubscription } from './log-subscription.js';
import { isRetained, verifyPosition } from '../positions/verify-position.js';

export interface FollowVerifiedOptions {
  /** The position to continue from; undefined for a new consumer. */
  from: LogPosition | undefined;
  /** Maximum number of entries in one batch; up to twice as many are in memory. @default 500 */
  batchSize?: number;
  /** Maximum milliseconds from a batch that is not full to the next one, so that more entries share a transaction. An
   *  entry that arrives later does not wait. @default 0 */
  gather?: number;
  /** Milliseconds after which a log that should have entries and delivers none counts as recreated. @default 10000 */
  patience?: number;
  /** Milliseconds without an entry after which the log is asked whether it has newer ones. @default 60000 */
  idleLimit?: number;
  signal: AbortSignal;
}

/** `gather` of a consumer whose results are for people, not for other workers. */
export const GATHER_MS = 100;

/** The next part of the log: entries, in order and at least one; a break, after which the entries do not continue from
 *  the previous ones; or `resumed`: reading continues from the same position after an interruption, and a broker that
 *  restarted may have lost confirmed entries after that position. */
export type LogPart =
  { kind: 'entries'; entries: readonly StreamEntry[] } | { kind: 'broken'; broken: LogBreak } | { kind: 'resumed' };

/**
 * Reads the log from a position as `followLog` does, and verifies that it is the same stream and that no entry is
 * missing: at the beginning, after every interruption, and where offsets are not contiguous. A new consumer first
 * receives the break `start`. After a break, reading continues with the first retained entry. A subscription that delivers
 * nothing although the log has newer entries is replaced: RabbitMQ was seen to stop delivering where it trimmed the log
 * meanwhile. Ends when the signal aborts; throws `broker.closed` when the broker is closed.
 */
export async function* followVerified(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>,
  stream: string,
  { from, batchSize = 500, gather = 0, patience = 10_000, idleLimit = 60_000, signal }: FollowVerifiedOptions,
): AsyncGenerator<LogPart, void, undefined> {
  const wakeup = new Wakeup();
  const wake = () => wakeup.notify();
  const stopListening = broker.onState(wake);
  signal.addEventListener('abort', wake);
  /** The position of the last entry returned; undefined if reading begins with the first retained entry. */
  let last = from;
  if (last === undefined) {
    yield { kind: 'broken', broken: { kind: 'start', expected: BEFORE_FIRST, found: undefined } };
  }
  try {
    while (!isOver()) {
      const at = last === undefined || last.offset < 0 ? 'first' : last.offset;
      const reader = new LogSubscription(broker, stream, { from: at, prefetch: batchSize * 2, wake });
      try {
        let isBroken = false;
        if (at !== 'first' && last !== undefined) {
          const verdict = await verifyPosition(reader, last, { broker, stream, wakeup, patience, signal });
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
        if (last !== undefined && !isBroken) yield { kind: 'resumed' };
        while (!isOver() && !reader.interrupted) {
          const entries = reader.take(batchSize);
          const [first] = entries;
          if (first === undefined) {
            if ((await wakeup.wait(idleLimit)) || isOver() || !(await hasNewer(last))) continue;
            break;
          }
          if (last?.offset === BEFORE_FIRST.offset && first.offset > 0 && !isBroken) {
            yield { kind: 'broken', broken: { kind: 'gap', expected: last, found: positionOf(first) } };
          }
          const trimmedAt = await indexAfterTrimmed(isBroken ? undefined : last, entries);
          isBroken = false;
          if (isOver()) break;
          const whole = trimmedAt === undefined ? entries : entries.slice(0, trimmedAt);
          const newest = whole.at(-1);
          if (newest !== undefined) {
            yield { kind: 'entries', entries: whole };
            last = positionOf(newest);
          }
          for (const entry of entries) entry.done();
          // the next reader determines what is missing
          if (trimmedAt !== undefined) break;
          if (entries.length < batchSize) await gathered(reader);
        }
        // the next reader begins with the first entry retained by then, because none was read before
        if (reader.interrupted) last ??= BEFORE_FIRST;
      } finally {
        await reader.close();
      }
    }
  } finally {
    signal.removeEventListener('abort', wake);
    stopListening();
  }

  /** Resolves when a whole batch has arrived, or after `gather` milliseconds. */
  async function gathered(reader: LogSubscription): Promise<void> {
    const end = performance.now() + gather;
    for (let left = gather; left > 0; left = end - performance.now()) {
      if (reader.waiting >= batchSize || reader.interrupted || isOver()) return;
      await wakeup.wait(left);
    }
  }

  /** Whether the log has entries after a position. False if it does not answer: it is asked again. */
  async function hasNewer(position: LogPosition | undefined): Promise<boolean> {
    const newest = await lastEntry(broker, stream);
    return newest !== undefined && newest.offset > (position?.offset ?? -1);
  }

  /** Returns the index of an entry before which others may have been trimmed. */
  async function indexAfterTrimmed(
    before: LogPosition | undefined,
    entries: readonly StreamEntry[],
  ): Promise<number | undefined> {
    let previous = before;
    for (const [index, entry] of entries.entries()) {
      if (previous !== undefined && previous.offset >= 0 && entry.offset > previous.offset + 1) {
        // while this entry is retained, so are all later ones
        return (await isRetained(broker, stream, previous)) ? undefined : index;
      }
      previous = positionOf(entry);
    }
    return undefined;
  }

  function isOver(): boolean {
    if (broker.state === 'closed' && !signal.aborted) throw new FlotillaError('broker.closed');
    return signal.aborted;
  }
}
