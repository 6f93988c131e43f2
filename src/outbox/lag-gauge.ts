import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import { countDeferred } from './deferred/deferred-rows.js';
import { sleep } from '../concurrency/sleep.js';

const POLL_INTERVAL_MS = 200;

/** Measures how far the broker is behind the store, whichever process relays, even while the broker is unreachable. */
export class LagGauge {
  /** Stored events without a confirm, deferred ones included, as of the last measurement. */
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

  /** Measures periodically until the signal aborts. Never rejects. */
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
