import type { Metrics } from '../../telemetry/metrics.js';
import type { ConsumedPartition } from './offset-table.js';

/** Reports the lag of the partitions that this process reads. */
export class LagGauge {
  readonly #known = new Map<string, { source: string; topic: string; partition: string }>();

  constructor(
    private readonly source: string,
    private readonly metrics: Metrics | undefined,
  ) {}

  set({ topic, partition }: ConsumedPartition, lag: number): void {
    const labels = { source: this.source, topic, partition: String(partition) };
    this.#known.set(`${topic}/${partition}`, labels);
    this.metrics?.kafkaSourceLag.set(labels, lag);
  }

  /** Forgets the partitions, because another process may read them now. */
  clear(): void {
    for (const labels of this.#known.values()) this.metrics?.kafkaSourceLag.remove(labels);
    this.#known.clear();
  }
}
