import type { Broker } from '../broker/broker.js';
import { systemClock, type Clock } from '../concurrency/clock.js';
import { sleep } from '../concurrency/sleep.js';

export interface UntilDepthOptions {
  /** Milliseconds after which it resolves in any case. */
  limit: number;
  /** Resolves also when it aborts. */
  signal: AbortSignal;
  /** @default the system clock */
  clock?: Pick<Clock, 'elapsed' | 'after'>;
}

interface Depth {
  ready: number;
  consumers: number;
}

const POLL_INTERVAL_MS = 100;

/** Reads the depth of a queue until it `suffices`, and resolves with the last one. A missing queue is empty. */
export async function untilDepth(
  broker: Pick<Broker, 'queueDepth'>,
  queue: string,
  suffices: (depth: Depth) => boolean,
  { limit, signal, clock = systemClock }: UntilDepthOptions,
): Promise<Depth> {
  const end = clock.elapsed() + limit;
  for (;;) {
    const depth = (await broker.queueDepth(queue)) ?? { ready: 0, consumers: 0 };
    if (suffices(depth) || signal.aborted || clock.elapsed() >= end) return depth;
    await sleep(POLL_INTERVAL_MS, signal, clock.after);
  }
}
