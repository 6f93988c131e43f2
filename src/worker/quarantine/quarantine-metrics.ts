import type { Metrics } from '../../telemetry/metrics.js';
import type { QuarantinedKind } from './quarantine-summary.js';

/** Types of other publishers may have any name: the kinds with the fewest messages are counted as `other`. */
const MAX_KINDS = 20;

type Labels = Record<'worker' | 'reason' | 'type' | 'version', string>;

/** Exports what is quarantined of one worker; each of its replicas reports the same numbers. */
export class QuarantineMetrics {
  #reported = new Map<string, Labels>();

  constructor(
    private readonly metrics: Pick<Metrics, 'quarantined' | 'quarantinedOldest'>,
    private readonly worker: string,
  ) {
    metrics.quarantinedOldest.labels(worker).set(0);
  }

  /** `now` in milliseconds since the epoch. */
  report(kinds: readonly QuarantinedKind[], now: number): void {
    const { quarantined, quarantinedOldest } = this.metrics;
    const counts = new Map<string, { labels: Labels; count: number }>();
    for (const { reason, type, version, count } of kinds) {
      const labels: Labels = { worker: this.worker, reason, type, version: String(version ?? '') };
      const key = JSON.stringify(labels);
      counts.set(key, { labels, count: count + (counts.get(key)?.count ?? 0) });
    }
    const sorted = [...counts].sort(([, a], [, b]) => b.count - a.count);
    const others = sorted.slice(MAX_KINDS).reduce((sum, [, { count }]) => sum + count, 0);
    const other: Labels = { worker: this.worker, reason: 'other', type: 'other', version: '' };
    const shown = new Map(sorted.slice(0, MAX_KINDS));
    if (others > 0) shown.set(JSON.stringify(other), { labels: other, count: others });
    for (const [key, labels] of this.#reported) if (!shown.has(key)) quarantined.remove(labels);
    for (const { labels, count } of shown.values()) quarantined.set(labels, count);
    this.#reported = new Map([...shown].map(([key, { labels }]) => [key, labels]));
    const oldest = Math.min(now, ...kinds.map((kind) => kind.oldest));
    quarantinedOldest.labels(this.worker).set((now - oldest) / 1000);
  }
}
