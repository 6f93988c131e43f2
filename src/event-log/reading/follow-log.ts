import { FlotillaError } from '../../errors.js';
import type { Broker, StreamEntry, StreamOffset } from '../../broker/broker.js';

export interface FollowLogOptions {
  from: StreamOffset;
  /** Maximum number of entries in one batch; up to twice as many are in memory. @default 500 */
  batchSize?: number;
  signal: AbortSignal;
}

/** Reads the log in order from an offset, in batches, and waits for more at its end. Entries are requested from the
 *  broker only as batches are consumed. Ends when the signal aborts; throws `broker.closed` when the broker is
 *  closed. */
export async function* followLog(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>,
  stream: string,
  { from, batchSize = 500, signal }: FollowLogOptions,
): AsyncGenerator<StreamEntry[]> {
  const arrived: StreamEntry[] = [];
  let wake: () => void = () => undefined;
  const onChange = () => wake();
  const reader = broker.readStream(stream, {
    from,
    prefetch: batchSize * 2,
    onEntry: (entry) => {
      arrived.push(entry);
      onChange();
    },
  });
  const stopListening = broker.onState(onChange);
  signal.addEventListener('abort', onChange);
  try {
    while (!signal.aborted) {
      if (broker.state === 'closed') throw new FlotillaError('broker.closed');
      const taken = arrived.splice(0, batchSize);
      if (taken.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      yield taken;
      for (const entry of taken) entry.done();
    }
  } finally {
    signal.removeEventListener('abort', onChange);
    stopListening();
    await reader.close();
  }
}
