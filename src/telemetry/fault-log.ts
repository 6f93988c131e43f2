import { BoundedLog } from './bounded-log.js';
import type { Logger } from './logger.js';

/** Minimum time between two entries about the same cause of one fault. */
const REPEAT_INTERVAL_MS = 60_000;

/** Logs a fault of one component: its begin, every other cause, the same cause once a minute, and its end. All entries
 *  have the same level, so that a log with the begin also has the end. */
export class FaultLog {
  #current: { since: number; entries: BoundedLog } | undefined;

  constructor(
    private readonly logger: Logger,
    private readonly level: 'warn' | 'error' = 'warn',
    /** Milliseconds of a monotonic clock. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether the fault has begun and not ended. */
  get isOpen(): boolean {
    return this.#current !== undefined;
  }

  /** Logs a failure. Failures with the same `cause` count as one; by default the cause is the error in the fields.
   *  `since`: when the fault began, if before this entry. */
  failed(message: string, fields: Record<string, unknown>, cause = String(fields['error']), since = this.now()): void {
    this.#current ??= {
      since,
      entries: new BoundedLog(this.logger, REPEAT_INTERVAL_MS, this.now),
    };
    this.#current.entries.log(this.level, cause, message, fields);
  }

  /** Logs the end of the fault with its duration; does nothing without a fault. */
  recovered(message: string, fields: Record<string, unknown> = {}): void {
    if (this.#current === undefined) return;
    const faultSeconds = Math.round((this.now() - this.#current.since) / 100) / 10;
    this.#current = undefined;
    this.logger.log(this.level, message, { ...fields, faultSeconds });
  }
}

/** The logs of faults of the same kind, one for each key, such as the name of a store. */
export class FaultLogs {
  readonly #faults = new Map<string, FaultLog>();

  constructor(private readonly logger: Logger) {}

  entries(): Iterable<[key: string, FaultLog]> {
    return this.#faults.entries();
  }

  of(key: string): FaultLog {
    const known = this.#faults.get(key) ?? new FaultLog(this.logger);
    this.#faults.set(key, known);
    return known;
  }
}
