import { messageOf } from '../errors.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { countDeferred } from './deferred/deferred-rows.js';
import { AppendWakeup } from '../store/append-wakeup.js';
import { sleep } from '../concurrency/sleep.js';

/** Milliseconds between two measurements while events wait, or new ones are stored. */
const MEASURE_INTERVAL_MS = 200;
/** Milliseconds between two measurements otherwise; a safety net. */
const IDLE_INTERVAL_MS = 5_000;

/** What waits to be published. */
export interface Lag {
  /** Stored events without a confirm, deferred ones included. */
  events: number;
  /** For how long the oldest of them has waited, as far as this process has measured it. */
  seconds: number;
}

/** Sets the metrics of a service. */
export function reportLag(metrics: Metrics, service: string, { events, seconds }: Lag): void {
  metrics.relayLag.set({ service }, events);
  metrics.relayWaiting.set({ service }, seconds);
}

/** Measures how far the broker is behind the store, whichever process relays, even while the broker is unreachable. */
export class LagGauge {
  /** Stored events without a confirm, deferred ones included, as of the last measurement. */
  lag = 0;
  /** Events up to this position have waited since this time. */
  #oldest: { position: number; since: number } | undefined;

  constructor(
    private readonly store: Store,
    private readonly checkpoint: string,
    private readonly onChange: (lag: Lag) => void,
    /** Milliseconds of a monotonic clock. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  async measure(): Promise<void> {
    const [head, passed] = await Promise.all([this.store.head(), this.store.checkpoint(this.checkpoint)]);
    const deferred = await countDeferred(this.store, passed);
    this.lag = Math.max(0, head - passed) + deferred;
    this.onChange({ events: this.lag, seconds: this.#secondsWaited(head, deferred > 0 ? 0 : passed) });
  }

  /** The events that were stored at one measurement are followed until all are confirmed, then those stored since. */
  #secondsWaited(head: number, confirmed: number): number {
    if (this.lag === 0) this.#oldest = undefined;
    else if (this.#oldest === undefined || confirmed >= this.#oldest.position) {
      this.#oldest = { position: head, since: this.now() };
    }
    return this.#oldest === undefined ? 0 : (this.now() - this.#oldest.since) / 1000;
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
