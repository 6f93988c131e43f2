import { messageOf } from '../errors.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { countOpenSagas, countOverdueSagas, openStatuses, type SagaCount } from './list.js';
import type { SagaDefinition } from './types.js';

/** Milliseconds between two looks. */
const LOOK = 5000;
/** Milliseconds after which a timer that was due should have come through. */
const PATIENCE = 60_000;

/** How many sagas of a worker have not ended; the same at each of its replicas. */
export class SagaGauge {
  /** As of the last look, zeros included. */
  counts: readonly SagaCount[] = [];

  constructor(
    private readonly store: Store,
    private readonly sagas: readonly Pick<SagaDefinition, 'name'>[],
    private readonly metrics: Metrics,
    /** Milliseconds since the epoch. */
    private readonly now: () => number = Date.now,
  ) {}

  /** The table of sagas must be there. */
  async look(): Promise<void> {
    const found = await countOpenSagas(this.store.query);
    this.counts = this.sagas.flatMap(({ name: saga }) =>
      openStatuses.map((status) => {
        const count = found.find((each) => each.saga === saga && each.status === status)?.count ?? 0;
        return { saga, status, count };
      }),
    );
    for (const { saga, status, count } of this.counts) this.metrics.sagas.set({ saga, status }, count);
    const overdue = await countOverdueSagas(this.store.query, new Date(this.now() - PATIENCE).toISOString());
    for (const { name: saga } of this.sagas) this.metrics.sagasOverdue.set({ saga }, overdue.get(saga) ?? 0);
  }

  /** Looks again and again until the signal aborts. Never rejects. */
  async run(logger: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        if (!signal.aborted) logger.warn('Sagas could not be counted', { error: messageOf(error) });
      }
      await sleep(LOOK, signal);
    }
  }
}
