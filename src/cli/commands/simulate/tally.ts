import type { EndedItem } from '../../../fleet/load.js';
import { formatDelay } from '../../../flow/format-delay.js';

/** The durations from which the quantiles are: the latest ones. */
const MAX_DURATIONS = 100_000;

/** The counts of a load. Durations in milliseconds, null without any. */
export interface LoadCounts {
  seconds: number;
  accepted: number;
  done: number;
  failed: number;
  /** Accepted and not ended yet. */
  open: number;
  /** Not accepted. */
  refused: number;
  /** Accepted per second. */
  rate: number;
  p50: number | null;
  p99: number | null;
}

/** Counts the items of a load. */
export class LoadTally {
  #accepted = 0;
  #refused = 0;
  #failed = 0;
  #done = 0;
  readonly #durations: number[] = [];

  accepted(): void {
    this.#accepted += 1;
  }

  refused(): void {
    this.#refused += 1;
  }

  ended({ outcome, milliseconds }: EndedItem): void {
    if (outcome === 'failed') {
      this.#failed += 1;
      return;
    }
    this.#durations[this.#done % MAX_DURATIONS] = milliseconds;
    this.#done += 1;
  }

  /** `seconds`: since the start, and those of them in which items were sent. */
  counts({ seconds, sending }: { seconds: number; sending: number }): LoadCounts {
    const [accepted, done, failed, refused] = [this.#accepted, this.#done, this.#failed, this.#refused];
    const sorted = Float64Array.from(this.#durations).sort();
    const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
    return {
      seconds: Math.round(seconds * 10) / 10,
      ...{ accepted, done, failed, open: accepted - done - failed, refused },
      rate: sending > 0 ? Math.round((accepted / sending) * 10) / 10 : 0,
      p50: quantile(0.5),
      p99: quantile(0.99),
    };
  }
}

/** `12s  accepted 590 (49.2/s)  done 571  failed 12  open 7  p50 180ms  p99 420ms` */
export function formatCounts(counts: LoadCounts): string {
  const { seconds, accepted, rate, done, failed, open, refused, p50, p99 } = counts;
  return [
    `${seconds}s`,
    `accepted ${accepted} (${rate}/s)`,
    `done ${done}`,
    `failed ${failed}`,
    `open ${open}`,
    ...(refused > 0 ? [`refused ${refused}`] : []),
    `p50 ${p50 === null ? '-' : formatDelay(p50)}`,
    `p99 ${p99 === null ? '-' : formatDelay(p99)}`,
  ].join('  ');
}
