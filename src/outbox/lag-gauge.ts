import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { countDeferred } from './deferred/deferred-rows.js';
import { AppendWakeup } from '../store/append-wakeup.js';
import { sleep } from '../concurrency/sleep.js';

/** Milliseconds between two measurements while events wait, or new ones are stored. */
const MEASURE_INTERVAL_MS = 200;
/** Milliseconds between two measurements otherwise; a safety net. */
const IDLE_INTERVAL_MS = 5_000;

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
    const fault = new FaultLog(logger);
    const wakeup = new AppendWakeup(this.store, signal);
    while (!signal.aborted) {
      try {
        await this.measure();
        fault.recovered('relay: the lag is measured again');
      } catch (error) {
        if (!signal.aborted) fault.failed('relay: the lag could not be measured', { error: messageOf(error) });
      }
      await sleep(MEASURE_INTERVAL_MS, signal);
      if (this.lag === 0 && !signal.aborted) await wakeup.wait(IDLE_INTERVAL_MS);
    }
    wakeup.stop();
  }
}
