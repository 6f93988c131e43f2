import type { Metrics } from '../../telemetry/metrics.js';
import type { Written } from '../state/segment-writer.js';

const OUTCOMES = ['corrected', 'ignored', 'expired', 'refused'] as const;

/** Counts what the windows of one definition do. */
export class WindowsMetrics {
  constructor(
    private readonly window: string,
    private readonly metrics: Metrics,
  ) {
    for (const outcome of OUTCOMES) metrics.windowLate.inc({ window, outcome }, 0);
    for (const kind of ['first', 'correction']) metrics.windowResults.inc({ window, kind }, 0);
  }

  written({ added, late }: Written): void {
    const { window, metrics } = this;
    metrics.windowResults.inc({ window, kind: 'first' }, added.results - added.corrections);
    metrics.windowResults.inc({ window, kind: 'correction' }, added.corrections);
    for (const { outcome, lateBy } of late) {
      metrics.windowLate.inc({ window, outcome });
      if (outcome !== 'refused') metrics.windowLateness.observe({ window }, lateBy / 1_000);
    }
  }

  /** `watermark`: -Infinity before the first event. */
  watermark(watermark: number, now: number): void {
    if (Number.isFinite(watermark)) this.metrics.windowDelay.set({ window: this.window }, (now - watermark) / 1_000);
  }
}
