import type { Broker, StreamEntry } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { logCheckpoint } from '../../event-log/positions/checkpoint-table.js';
import { followLogTo } from '../../event-log/reading/follow-log-to.js';
import { eventIn } from '../../events/event-in.js';
import { versionName } from '../definition.js';
import { Failures } from '../engine/failures.js';
import { decodeEntry, type DecodeOptions } from '../reader/decode-entry.js';
import type { History, HistoryOptions } from './history.js';

/** The log counts as unreachable after this time without an entry before the position. */
const IDLE_TIMEOUT_MS = 30_000;

export interface LogHistoryOptions extends HistoryOptions, DecodeOptions {
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>;
  /** The name of the stream `events.log`. */
  stream: string;
}

/** Returns the history of windows over the log. It throws `windows.history_trimmed` and `log.unreachable`. */
export function logHistory(options: LogHistoryOptions): History {
  const { broker, stream, store, definition, from, signal } = options;
  const decode = { ...options, failures: new Failures() };
  let next: number | undefined;
  return async function* () {
    const checkpoint = await logCheckpoint(store.query, versionName(definition));
    const last = checkpoint?.offset ?? -1;
    if (last < (next ?? 0)) return;
    for await (const entries of followLogTo(broker, stream, {
      from: next ?? 'first',
      last,
      idle: IDLE_TIMEOUT_MS,
      signal,
    })) {
      for (const entry of entries) {
        if (entry.offset > last) return;
        if (next === undefined) requireHistory(entry, stream, from);
        next = entry.offset + 1;
        const { event } = decodeEntry(definition, entry, decode);
        if (event !== undefined) yield event;
      }
    }
    signal.throwIfAborted();
  };
}

/** The oldest retained entry must not be younger than the windows, unless it is the first one of all. */
function requireHistory(oldest: StreamEntry, stream: string, from: number): void {
  const time = eventIn(oldest)?.time;
  if (oldest.offset === 0 || (time !== undefined && Date.parse(time) <= from)) return;
  throw new FlotillaError('windows.history_trimmed', `${stream} begins at ${time ?? `offset ${oldest.offset}`}`);
}
