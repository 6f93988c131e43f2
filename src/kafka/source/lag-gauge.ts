import type { Metrics } from '../../telemetry/metrics.js';
import type { ConsumedPartition } from './offset-table.js';

/** Reports the lag of the partitions that this process reads. */
export class LagGauge {
  readonly #partitions = new Map<
    string,
    { labels: { source: string; topic: string; partition: string }; lag: number }
  >();

  constructor(
    private readonly source: string,
    private readonly metrics: Metrics | undefined,
  ) {}

  set({ topic, partition }: ConsumedPartition, lag: number): void {
    const labels = { source: this.source, topic, partition: String(partition) };
    this.#partitions.set(`${topic}/${partition}`, { labels, lag });
    this.metrics?.kafkaSourceLag.set(labels, lag);
  }

  /** The sum over the partitions. */
  get total(): number {
    return [...this.#partitions.values()].reduce((sum, { lag }) => sum + lag, 0);
  }

  /** Forgets the partitions, because another process may read them now. */
  clear(): void {
    for (const { labels } of this.#partitions.values()) this.metrics?.kafkaSourceLag.remove(labels);
    this.#partitions.clear();
  }
}
