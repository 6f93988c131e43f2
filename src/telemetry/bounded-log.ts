import type { Logger, LogLevel } from './logger.js';

/** Maximum number of remembered keys; beyond it the oldest is forgotten and may be logged early. */
const MAX_KEYS = 1000;

/** Logs recurring entries at a bounded rate: once per key and interval, with the number of suppressed entries. */
export class BoundedLog {
  readonly #last = new Map<string, { at: number; suppressed: number }>();

  constructor(
    private readonly logger: Logger,
    /** In milliseconds. */
    private readonly interval: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Returns whether the entry was logged. */
  log(level: LogLevel, key: string, message: string, fields: Record<string, unknown>): boolean {
    const last = this.#last.get(key);
    const now = this.now();
    if (last !== undefined && now - last.at < this.interval) {
      last.suppressed += 1;
      return false;
    }
    this.#last.delete(key);
    this.#last.set(key, { at: now, suppressed: 0 });
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= MAX_KEYS) break;
      this.#last.delete(oldest);
    }
    const suppressed = last?.suppressed ?? 0;
    this.logger.log(level, message, { ...fields, ...(suppressed > 0 && { suppressed }) });
    return true;
  }

  /** Ends a condition: the next entry of this key is logged immediately. */
  clear(key: string): void {
    this.#last.delete(key);
  }
}
