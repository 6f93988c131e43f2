import type { Broker, StreamEntry } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { formatDuration } from '../../duration.js';
import { followLog } from './follow-log.js';
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
  const idle = new AbortController();
  const watch = () => setTimeout(() => idle.abort(), IDLE_TIMEOUT_MS);
  let timer = watch();
  try {
    for await (const entries of followLog(broker, stream, { from, signal: AbortSignal.any([signal, idle.signal]) })) {
      clearTimeout(timer);
      for (const entry of entries) if (entry.offset <= last) visit(entry);
      if ((entries.at(-1)?.offset ?? 0) >= last) return;
      timer = watch();
    }
  } finally {
    clearTimeout(timer);
  }
  if (signal.aborted) return;
  const detail = `${stream}: it delivered nothing for ${formatDuration(IDLE_TIMEOUT_MS)}, before its end`;
  throw new FlotillaError('log.unreachable', detail);
}
