import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../broker/contract.js';
import { FlotillaError } from '../errors.js';

export interface HoldBackOptions {
  /** Messages ready in the queue above which nothing is sent. @default 2000 */
  high?: number;
  /** Down to so many it must come before more is sent. @default 1000 */
  low?: number;
  /** Milliseconds for which the queue may get no emptier. @default 300000 */
  patience?: number;
  signal: AbortSignal;
  /** Told once when there is no room. */
  onHold?: ((depth: { ready: number; consumers: number }) => void) | undefined;
}

/** Milliseconds for which nobody may take from a full queue. */
const ABSENCE = 30_000;

const LOOK = 50;

/** Resolves when the queue has room: live messages wait behind some thousands of the past, never behind all of it.
 *  Rejects with `replay.held_up` when it gets no emptier, with `replay.refused` when there is no such queue, and with the
 *  signal's reason. */
export async function untilRoom(
  broker: Pick<Broker, 'queueDepth'>,
  queue: string,
  { high = 2000, low = 1000, patience = 300_000, signal, onHold }: HoldBackOptions,
): Promise<void> {
  let limit = high;
  let fewest = Infinity;
  let since = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const depth = await broker.queueDepth(queue);
    if (depth === undefined) {
      throw new FlotillaError('replay.refused', `there is no queue ${queue}; see flotilla topology apply`);
    }
    if (depth.ready <= limit) return;
    if (limit === high) onHold?.(depth);
    limit = low;
    if (depth.ready < fewest) {
      fewest = depth.ready;
      since = performance.now();
    } else if (performance.now() - since > (depth.consumers === 0 ? Math.min(patience, ABSENCE) : patience)) {
      throw new FlotillaError('replay.held_up', `${depth.ready} in ${queue}, taken by ${depth.consumers} consumers`);
    }
    await sleep(LOOK, undefined, { signal });
  }
}
