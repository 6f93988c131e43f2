import type { Broker, StreamEntry } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import { FlotillaError } from '../../errors.js';
import { parseEnvelope, structuredBody } from '../../events/parse-envelope.js';
import { entryAt, firstEntry, lastEntry, newestEntry } from '../../event-log/reading/log-bounds.js';
import { followLogTo } from '../../event-log/reading/follow-log-to.js';
import { positionOf, type LogPosition } from '../../event-log/positions/position.js';
import { isFromItsPublisher } from '../../event-log/consumers/accept-entry.js';
import { isRetained } from '../../event-log/positions/verify-position.js';
import type { History, HistoryEntry, HistoryPage, HistoryRange } from './history.js';

/** How far an event's time may be ahead of its arrival in the stream, because clocks differ. */
const CLOCK_SKEW_MS = 10 * 60_000;
const PAGE_SIZE = 200;
/** The stream counts as unreachable after this time without an entry before the end. */
const IDLE_TIMEOUT_MS = 60_000;

/** The retained history of the stream. A place is an offset. Entries that are not from the publisher of their source
 *  count as unreadable. */
export function logHistory(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state' | 'queueDepth'>,
  stream: string,
  { idle = IDLE_TIMEOUT_MS, verify }: { idle?: number; verify?: VerifyPublisher | undefined } = {},
): History {
  const unreachable = (detail: string) => new FlotillaError('log.unreachable', `${stream}: ${detail}`);
  /** The offset where reading begins; undefined if all entries are older. A stream that does not respond does not count
   *  as empty. */
  const startOf = async ({ after, filter: { since } }: Pick<HistoryRange, 'after' | 'filter'>) => {
    if (after !== null) return Number(after.place) + 1;
    const from = since === undefined ? ('first' as const) : new Date(Date.parse(since) - CLOCK_SKEW_MS);
    const found = (await entryAt(broker, stream, from)) ?? (await entryAt(broker, stream, from));
    if (found !== undefined) return found.offset;
    if (from === 'first' || (await lastEntry(broker, stream)) === undefined) throw unreachable('it delivered no entry');
    return undefined;
  };
  const ensureRetained = async (place: LogPosition) => {
    if (await isRetained(broker, stream, place)) return;
    throw new FlotillaError('replay.refused', 'the log was trimmed beyond the place of this replay');
  };
  /** Offsets have holes, and trimming leaves one too: a hole is normal only while the entry before it is retained. */
  const ensureWhole = async (entries: readonly StreamEntry[], before: LogPosition | undefined) => {
    let previous = before;
    for (const entry of entries) {
      if (previous !== undefined && entry.offset > previous.offset + 1) await ensureRetained(previous);
      previous = positionOf(entry);
    }
    return previous;
  };
  return {
    from: 'log',
    async end() {
      const newest = await newestEntry(broker, stream);
      return newest && String(newest.offset);
    },
    async incomplete() {
      const first = await firstEntry(broker, stream);
      if (first === undefined) return 'the log delivered no entry';
      return first.offset === 0 ? undefined : `the first ${first.offset} entries of the log were trimmed`;
    },
    verify: ({ place, mark }) => ensureRetained({ offset: Number(place), mark }),
    async size(range) {
      const start = await startOf(range);
      return start === undefined ? 0 : Math.max(0, Number(range.end) - start + 1);
    },
    async *read(range) {
      const last = Number(range.end);
      let next = await startOf(range);
      if (next === undefined || next > last) return;
      const { after } = range;
      let previous = after === null ? undefined : { offset: Number(after.place), mark: after.mark };
      const { signal } = range;
      for await (const batch of followLogTo(broker, stream, { from: next, last, idle, batchSize: PAGE_SIZE, signal })) {
        const wanted = batch.filter(({ offset }) => offset <= last);
        previous = await ensureWhole(batch.slice(0, wanted.length + 1), previous);
        const final = wanted.at(-1);
        if (final !== undefined) {
          yield pageOf(wanted, final, final.offset - next + 1, verify);
          next = final.offset + 1;
        }
      }
    },
  };
}

function pageOf(
  wanted: readonly StreamEntry[],
  final: StreamEntry,
  scanned: number,
  verify: VerifyPublisher | undefined,
): HistoryPage {
  const entries = wanted
    .filter((entry) => isFromItsPublisher(entry, verify))
    .map(entryOf)
    .filter((entry) => entry !== undefined);
  const unreadable = wanted.length - entries.length;
  return { entries, place: String(final.offset), mark: positionOf(final).mark, scanned, unreadable };
}

/** Undefined for a message that is not an event: any client may publish to the exchange. */
function entryOf(entry: StreamEntry): HistoryEntry | undefined {
  try {
    const envelope = parseEnvelope(entry);
    const { id, type, source, subject, correlationid, time } = envelope;
    const event = { id, type, source, subject, correlationId: correlationid, time: Date.parse(time) };
    const { offset, mark } = positionOf(entry);
    return {
      place: String(offset),
      mark,
      event,
      body: Buffer.from(structuredBody(entry, envelope)),
      origin: entry.origin,
    };
  } catch (error) {
    if (error instanceof FlotillaError) return undefined;
    throw error;
  }
}
