import type { Broker, StreamEntry } from '../../broker/broker.js';
import { followLogTo } from './follow-log-to.js';
import { newestEntry } from './log-bounds.js';

/** The log counts as unreachable after this time without an entry before its end. */
const IDLE_TIMEOUT_MS = 30_000;

/** Calls `visit` for every entry of the log from an offset to its newest entry at the start. Reading removes nothing.
 *  Ends early when the signal aborts. Rejects with `log.unreachable`. */
export async function visitLog(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state' | 'queueDepth'>,
  stream: string,
  { from, signal }: { from: 'first' | number; signal: AbortSignal },
  visit: (entry: StreamEntry) => void,
): Promise<void> {
  const last = (await newestEntry(broker, stream))?.offset ?? -1;
  if (last < (from === 'first' ? 0 : from)) return;
  for await (const entries of followLogTo(broker, stream, { from, last, idle: IDLE_TIMEOUT_MS, signal })) {
    for (const entry of entries) if (entry.offset <= last) visit(entry);
  }
}
