import { messageOf } from '../errors.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { countOpenSagas, countOverdueSagas, openStatuses, type SagaCount } from './queries.js';
import type { SagaDefinition } from './definition/types.js';

const POLL_INTERVAL_MS = 5000;
/** How long after its due time a timer counts as overdue. */
const OVERDUE_AFTER_MS = 60_000;

/** Counts a worker's sagas that have not ended; each of its replicas reports the same numbers. */
export class SagaMetrics {
  /** As of the last refresh, including zeros. */
  counts: readonly SagaCount[] = [];

  constructor(
    private readonly store: Store,
    private readonly sagas: readonly Pick<SagaDefinition, 'name'>[],
    private readonly metrics: Metrics,
    /** Milliseconds since the epoch. */
    private readonly now: () => number = Date.now,
  ) {}

  /** Counts the sagas. Requires `sagaMigrations`. */
  async refresh(): Promise<void> {
    const found = await countOpenSagas(this.store.query);
    this.counts = this.sagas.flatMap(({ name: saga }) =>
      openStatuses.map((status) => {
        const count = found.find((each) => each.saga === saga && each.status === status)?.count ?? 0;
        return { saga, status, count };
      }),
    );
    for (const { saga, status, count } of this.counts) this.metrics.sagas.set({ saga, status }, count);
    const overdue = await countOverdueSagas(this.store.query, new Date(this.now() - OVERDUE_AFTER_MS).toISOString());
    for (const { name: saga } of this.sagas) this.metrics.sagasOverdue.set({ saga }, overdue.get(saga) ?? 0);
  }

  /** Refreshes every `interval` milliseconds until the signal aborts. Never rejects: failed queries are logged. */
  async run(logger: Logger, signal: AbortSignal, interval = POLL_INTERVAL_MS): Promise<void> {
    const fault = new FaultLog(logger);
    while (!signal.aborted) {
      try {
        await this.refresh();
        fault.recovered('Sagas are counted again');
      } catch (error) {
        if (!signal.aborted) fault.failed('Counting sagas failed; retrying', { error: messageOf(error) });
      }
      await sleep(interval, signal);
    }
  }
}
