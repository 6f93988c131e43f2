import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { packages } from '../packages.js';

/** Milliseconds between two samples. The default of prom-client, 10, uses a third of a percent of a core in each idle
 *  process. */
export const SAMPLE_INTERVAL_MS = 250;

/** The part of the names of these metrics between `nodejs_eventloop_lag_` and `_seconds`, as prom-client names them. */
export const DELAY_STATISTICS = ['min', 'max', 'mean', 'p50', 'p90', 'p99'] as const;

/** Adds the delay of the event loop since the previous scrape. */
export function addEventLoopDelay(registry: Registry): void {
  const histogram = monitorEventLoopDelay({ resolution: SAMPLE_INTERVAL_MS });
  histogram.enable();
  const valueOf = (statistic: (typeof DELAY_STATISTICS)[number]): number =>
    statistic.startsWith('p') ? histogram.percentile(Number(statistic.slice(1))) : histogram[statistic as 'min'];
  for (const statistic of DELAY_STATISTICS) {
    new packages.promClient.Gauge({
      name: `nodejs_eventloop_lag_${statistic}_seconds`,
      help: `Delay of the event loop since the previous scrape: ${statistic}`,
      registers: [registry],
      collect() {
        // each recorded value is the time between two samples
        if (histogram.count > 0) this.set(Math.max(0, valueOf(statistic) / 1e9 - SAMPLE_INTERVAL_MS / 1e3));
        if (statistic === DELAY_STATISTICS.at(-1)) histogram.reset();
      },
    });
  }
}
