import { messageOf } from '../errors.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import { countDeferred } from './deferred-rows.js';
import { sleep } from '../concurrency/sleep.js';

/** Milliseconds between two looks. */
const POLL_INTERVAL_MS = 200;

/** How far the broker is behind the store, whoever relays, and also while there is no broker. */
export class LagGauge {
  /** Stored positions that are not confirmed, deferred ones included; as of the last look. */
  lag = 0;

  constructor(
    private readonly store: Store,
    private readonly checkpoint: string,
    private readonly onChange: (lag: number) => void,
  ) {}

  async measure(): Promise<void> {
    const [head, passed] = await Promise.all([this.store.head(), this.store.checkpoint(this.checkpoint)]);
    this.lag = Math.max(0, head - passed) + (await countDeferred(this.store, passed));
    this.onChange(this.lag);
  }

  /** Looks again and again until the signal aborts. Never rejects. */
  async run(logger: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.measure();
      } catch (error) {
        if (!signal.aborted) logger.warn('relay: the lag is not known', { error: messageOf(error) });
      }
      await sleep(POLL_INTERVAL_MS, signal);
    }
  }
}
