import type { Metrics } from '../../telemetry/metrics.js';
import type { WindowEngine } from '../engine/engine.js';
import type { Written } from '../state/segment-writer.js';

const OUTCOMES = ['corrected', 'ignored', 'expired', 'refused'] as const;

/** Counts what the windows of one definition do. */
export class WindowsMetrics {
  constructor(
    private readonly window: string,
    private readonly metrics: Metrics,
  ) {
    for (const outcome of OUTCOMES) metrics.windowLate.inc({ window, outcome }, 0);
    metrics.windowEvents.inc({ window }, 0);
    this.ended();
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

  /** Records that events were read. */
  read(events: number): void {
    this.metrics.windowEvents.inc({ window: this.window }, events);
  }

  /** Records how far the windows are. */
  progress(engine: WindowEngine, now: number): void {
    const { window, metrics } = this;
    const { value } = engine.watermark;
    if (Number.isFinite(value)) metrics.windowDelay.set({ window }, (now - value) / 1_000);
    metrics.windowOverdue.set({ window }, engine.overdue(now) / 1_000);
  }

  /** Records that this process no longer computes. */
  ended(): void {
    this.metrics.windowOverdue.set({ window: this.window }, 0);
  }
}
