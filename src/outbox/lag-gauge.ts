import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import { countDeferred } from './deferred/deferred-rows.js';
import { sleep } from '../concurrency/sleep.js';

const POLL_INTERVAL_MS = 200;

/** Measures how far the broker is behind the store, whichever process relays, and also while the broker is away. */
export class LagGauge {
  /** Stored positions that are not confirmed, deferred ones included; as last measured. */
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

  /** Measures regularly until the signal aborts. Never rejects. */
  async run(logger: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.measure();
      } catch (error) {
        if (!signal.aborted) logger.warn('relay: the lag could not be measured', { error: messageOf(error) });
      }
      await sleep(POLL_INTERVAL_MS, signal);
    }
  }
}
