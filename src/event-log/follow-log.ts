import { FlotillaError } from '../errors.js';
import type { Broker, StreamEntry, StreamOffset } from '../broker/contract.js';

export interface FollowLogOptions {
  from: StreamOffset;
  /** Entries in one portion at most, and twice as many in memory. @default 500 */
  portion?: number;
  signal: AbortSignal;
}

/** Reads the log from a place on, in order, and gives what is there in portions, waiting for more at its end. The next
 *  portion is asked for when the one before has been dealt with, so that nothing piles up. Ends when the signal aborts;
 *  throws `broker.closed` when the broker is closed under it. */
export async function* followLog(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>,
  stream: string,
  { from, portion = 500, signal }: FollowLogOptions,
): AsyncGenerator<StreamEntry[]> {
  const arrived: StreamEntry[] = [];
  let wake: () => void = () => undefined;
  const ring = () => wake();
  const reader = broker.readStream(stream, {
    from,
    prefetch: portion * 2,
    onEntry: (entry) => {
      arrived.push(entry);
      ring();
    },
  });
  const stopListening = broker.onState(ring);
  signal.addEventListener('abort', ring);
  try {
    while (!signal.aborted) {
      if (broker.state === 'closed') throw new FlotillaError('broker.closed');
      const taken = arrived.splice(0, portion);
      if (taken.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      yield taken;
      for (const entry of taken) entry.done();
    }
  } finally {
    signal.removeEventListener('abort', ring);
    stopListening();
    await reader.close();
  }
}
