import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';

export interface ThrottleOptions {
  /** Number of ready messages in the queues above which sending pauses. @default 2000 */
  high?: number;
  /** Number of ready messages at which sending resumes. @default 1000 */
  low?: number;
  /** How long the queue may fail to shrink, in milliseconds. @default 300000 */
  patience?: number;
  signal: AbortSignal;
  /** Called once when sending pauses. */
  onThrottle?: ((depth: { ready: number; consumers: number }) => void) | undefined;
}

/** How long a full queue may be without a consumer. */
const NO_CONSUMER_TIMEOUT_MS = 30_000;

const POLL_INTERVAL_MS = 50;

/** Resolves when the queues of a worker have space, so that live messages wait behind at most a few thousand replayed ones. Rejects
 *  with `replay.held_up` if they do not shrink, with `replay.refused` if the first one does not exist, and with the
 *  signal's reason. Another one may be deleted meanwhile, when the number of partitions changes. */
export async function waitForRoom(
  broker: Pick<Broker, 'queueDepth'>,
  queues: readonly [string, ...string[]],
  { high = 2000, low = 1000, patience = 300_000, signal, onThrottle }: ThrottleOptions,
): Promise<void> {
  let limit = high;
  let fewest = Infinity;
  let since = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const depth = await depthOf(broker, queues);
    if (depth.ready <= limit) return;
    if (limit === high) onThrottle?.(depth);
    limit = low;
    if (depth.ready < fewest) {
      fewest = depth.ready;
      since = performance.now();
    } else if (
      performance.now() - since >
      (depth.consumers === 0 ? Math.min(patience, NO_CONSUMER_TIMEOUT_MS) : patience)
    ) {
      throw new FlotillaError(
        'replay.held_up',
        `${depth.ready} messages in ${queues[0]}, ${depth.consumers} consumers`,
      );
    }
    await sleep(POLL_INTERVAL_MS, undefined, { signal });
  }
}

/** The ready messages of all queues, and the consumers of the one with the fewest. */
async function depthOf(broker: Pick<Broker, 'queueDepth'>, [first, ...others]: readonly [string, ...string[]]) {
  const own = await broker.queueDepth(first);
  if (own === undefined) {
    throw new FlotillaError('replay.refused', `there is no queue ${first}; see flotilla topology apply`);
  }
  const total = { ...own };
  for (const queue of others) {
    const depth = await broker.queueDepth(queue);
    if (depth === undefined) continue;
    total.ready += depth.ready;
    total.consumers = Math.min(total.consumers, depth.consumers);
  }
  return total;
}
