import type { Metrics } from '../../telemetry/metrics.js';
import type { ConsumedPartition } from './offset-table.js';

/** Reports the lag of the partitions that this process reads. */
export class LagGauge {
  readonly #known = new Map<string, { source: string; topic: string; partition: string }>();

  readonly #lags = new Map<string, number>();

  constructor(
    private readonly source: string,
    private readonly metrics: Metrics | undefined,
  ) {}

  set({ topic, partition }: ConsumedPartition, lag: number): void {
    const labels = { source: this.source, topic, partition: String(partition) };
    this.#known.set(`${topic}/${partition}`, labels);
    this.#lags.set(`${topic}/${partition}`, lag);
    this.metrics?.kafkaSourceLag.set(labels, lag);
  }

  /** The sum over the partitions. */
  get total(): number {
    return [...this.#lags.values()].reduce((sum, lag) => sum + lag, 0);
  }

  /** Forgets the partitions, because another process may read them now. */
  clear(): void {
    for (const labels of this.#known.values()) this.metrics?.kafkaSourceLag.remove(labels);
    this.#known.clear();
    this.#lags.clear();
  }
}
