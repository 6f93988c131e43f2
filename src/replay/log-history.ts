import type { Broker, StreamEntry } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import { FlotillaError } from '../errors.js';
import { parseEnvelope, structuredBody } from '../events/parse-envelope.js';
import { entryAt, firstEntry, lastEntry, newestEntry } from '../event-log/bounds.js';
import { followLog } from '../event-log/follow-log.js';
import { positionOf, type LogPosition } from '../event-log/position.js';
import { isFromItsPublisher } from '../event-log/accept-entry.js';
import { isRetained } from '../event-log/verify-position.js';
import type { History, HistoryEntry, HistoryPage, HistoryRange } from './history.js';
import { formatDuration } from '../duration.js';

/** How much an event's own time may be ahead of when the log took it: clocks differ. */
const SKEW = 10 * 60_000;
const PAGE = 200;
/** Milliseconds without an entry, before the end is reached, after which the log counts as unreachable. */
const IDLE = 60_000;

/** The past as far as the log keeps it. A place is an offset. What does not come from its publisher counts as unreadable. */
export function logHistory(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state' | 'queueDepth'>,
  stream: string,
  { idle = IDLE, verify }: { idle?: number; verify?: VerifyPublisher | undefined } = {},
): History {
  const unreachable = (detail: string) => new FlotillaError('log.unreachable', `${stream}: ${detail}`);
  /** Where reading begins; undefined where all there is was published before. What gives no answer is not empty. */
  const startOf = async ({ after, filter: { since } }: Pick<HistoryRange, 'after' | 'filter'>) => {
    if (after !== null) return Number(after.place) + 1;
    const from = since === undefined ? ('first' as const) : new Date(Date.parse(since) - SKEW);
    const found = (await entryAt(broker, stream, from)) ?? (await entryAt(broker, stream, from));
    if (found !== undefined) return found.offset;
    if (from === 'first' || (await lastEntry(broker, stream)) === undefined) throw unreachable('it gave no entry');
    return undefined;
  };
  const ensureKept = async (place: LogPosition) => {
    if (await isRetained(broker, stream, place)) return;
    throw new FlotillaError('replay.refused', 'the log does not reach back to where this replay had come any more');
  };
  /** Offsets have holes, but what is trimmed away leaves one too: it may be one only while what is before it is kept. */
  const ensureWhole = async (entries: readonly StreamEntry[], before: LogPosition | undefined) => {
    let previous = before;
    for (const entry of entries) {
      if (previous !== undefined && entry.offset > previous.offset + 1) await ensureKept(previous);
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
      if (first === undefined) return 'the log gave no entry';
      return first.offset === 0 ? undefined : `the log has let go of its first ${first.offset} entries`;
    },
    verify: ({ place, mark }) => ensureKept({ offset: Number(place), mark }),
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
      const stop = new AbortController();
      const signal = AbortSignal.any([range.signal, stop.signal]);
      const watch = () => setTimeout(() => stop.abort(), idle);
      let timer = watch();
      try {
        for await (const portion of followLog(broker, stream, { from: next, portion: PAGE, signal })) {
          clearTimeout(timer);
          const wanted = portion.filter(({ offset }) => offset <= last);
          previous = await ensureWhole(portion.slice(0, wanted.length + 1), previous);
          const final = wanted.at(-1);
          if (final !== undefined) {
            yield pageOf(wanted, final, final.offset - next + 1, verify);
            next = final.offset + 1;
          }
          if ((portion.at(-1)?.offset ?? 0) >= last) return;
          timer = watch();
        }
      } finally {
        clearTimeout(timer);
        stop.abort();
      }
      if (!range.signal.aborted) throw unreachable(`it gave nothing for ${formatDuration(idle)}, before its end`);
    },
  };
}

function pageOf(
  wanted: readonly StreamEntry[],
  final: StreamEntry,
  looked: number,
  verify: VerifyPublisher | undefined,
): HistoryPage {
  const entries = wanted
    .filter((entry) => isFromItsPublisher(entry, verify))
    .map(entryOf)
    .filter((entry) => entry !== undefined);
  const unreadable = wanted.length - entries.length;
  return { entries, place: String(final.offset), mark: positionOf(final).mark, looked, unreadable };
}

/** Undefined for what is no event: anybody may publish to the exchange. */
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
