import type { Broker, RefusingQueue } from '../../broker/broker.js';
import { messageOf, type FlotillaError } from '../../errors.js';
import { BoundedLog } from '../../telemetry/bounded-log.js';
import type { Logger } from '../../telemetry/logger.js';

/** An event type whose events the broker refuses. */
export interface Refusal {
  type: string;
  /** RFC 3339. */
  since: string;
  code: string;
  /** The queues that refuse, with the reason; empty while unknown. */
  queues: readonly RefusingQueue[];
}

export interface RefusedTypesOptions {
  broker: Partial<Pick<Broker, 'findRefusing'>>;
  exchange: string;
  logger: Logger;
  clock: () => number;
  /** Milliseconds of a monotonic clock. @default that of the process */
  elapsed?: () => number;
  /** Called with the number of deferred events whenever it changes. */
  onDeferred: (events: number) => void;
}

/** A refusal that lasts this long is an error. A new quorum queue may have no leader for some seconds. */
const ERROR_AFTER_MS = 10_000;
/** Minimum time between two log entries about one type. */
const REPORT_INTERVAL_MS = 60_000;
/** Minimum time between two queries of the broker about one type: its statistics change no faster. */
const QUERY_INTERVAL_MS = 5_000;
const LEVELS = ['warn', 'error'] as const;
const UNKNOWN_QUEUE =
  'not known: no queue on the way of this type is full or down as far as the management API says; see `rabbitmqctl list_queues name state messages effective_policy_definition`';

/** Tracks the refusals of the broker, for the log and `/readyz`. */
export class RefusedTypes {
  readonly #current = new Map<string, Refusal>();
  readonly #log: BoundedLog;
  readonly #refusedAt = new Map<string, number>();
  readonly #queriedAt = new Map<string, number>();
  readonly #elapsed: () => number;
  #events = 0;
  #full = false;

  constructor(private readonly options: RefusedTypesOptions) {
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#log = new BoundedLog(options.logger, REPORT_INTERVAL_MS, this.#elapsed);
  }

  get current(): readonly Refusal[] {
    return [...this.#current.values()];
  }

  /** The number of deferred events. */
  get events(): number {
    return this.#events;
  }

  /** Whether the limit of deferred events is reached, so that nothing else is published. */
  get full(): boolean {
    return this.#full;
  }

  deferred(events: number, full: boolean): void {
    if (events !== this.#events) this.options.onDeferred(events);
    this.#events = events;
    if (full === this.#full) return;
    this.#full = full;
    if (full) {
      const types = [...this.#current.keys()];
      this.options.logger.error('relay: too many deferred events; publishing stops until the broker accepts them', {
        deferred: events,
        types,
      });
    } else this.options.logger.warn('relay: publishing resumed', { deferred: events });
  }

  refused(type: string, error: FlotillaError, deferred: number): void {
    const { clock } = this.options;
    const now = this.#elapsed();
    if (!this.#current.has(type)) {
      this.#refusedAt.set(type, now);
      this.#current.set(type, { type, since: new Date(clock()).toISOString(), code: error.code, queues: [] });
    }
    if (now - (this.#queriedAt.get(type) ?? -Infinity) < QUERY_INTERVAL_MS) return;
    this.#queriedAt.set(type, now);
    void this.#report(type, error, deferred);
  }

  accepted(type: string): void {
    const refusal = this.#current.get(type);
    if (!this.#current.delete(type) || refusal === undefined) return;
    for (const level of LEVELS) for (const known of [true, false]) this.#log.clear(`${level} ${type} ${known}`);
    this.#refusedAt.delete(type);
    this.#queriedAt.delete(type);
    this.options.logger.warn('relay: the broker accepts this type again', { type, since: refusal.since });
  }

  /** Forgets all refusals when the lease is lost: the next holder detects them itself. */
  clear(): void {
    this.#current.clear();
    this.#refusedAt.clear();
    this.#queriedAt.clear();
    this.deferred(0, false);
  }

  /** Identifies the refusing queues, then logs. Never rejects. */
  async #report(type: string, error: FlotillaError, deferred: number): Promise<void> {
    const { broker, exchange } = this.options;
    let queue = UNKNOWN_QUEUE;
    let queues: readonly RefusingQueue[] = [];
    try {
      queues = (await broker.findRefusing?.(exchange, type)) ?? [];
      const refusal = this.#current.get(type);
      if (refusal !== undefined) this.#current.set(type, { ...refusal, queues });
      if (queues.length > 0) queue = queues.map(({ name, reason }) => `${name} (${reason})`).join(', ');
    } catch (reason) {
      queue = `not known: ${messageOf(reason)}`;
    }
    const since = this.#current.get(type)?.since;
    const lasts = this.#elapsed() - (this.#refusedAt.get(type) ?? Infinity);
    const level = lasts >= ERROR_AFTER_MS ? 'error' : 'warn';
    this.#log.log(
      level,
      `${level} ${type} ${queues.length > 0}`,
      'relay: the broker refuses events of a type; other subjects go on',
      {
        type,
        code: error.code,
        error: error.message,
        queue,
        since,
        deferred,
      },
    );
  }
}

/** Summarizes refusals: `3 events deferred: payment.process refused since … (payment: 10 of 10 messages)`. */
export function refusalsLine(refusals: Pick<RefusedTypes, 'current' | 'events' | 'full'>): string {
  const types = refusals.current.map(({ type, since, code, queues }) => {
    const by = queues.map(({ name, reason }) => `${name}: ${reason}`).join(', ');
    return `${type} refused since ${since} (${by === '' ? code : by})`;
  });
  const stopped = refusals.full ? '; too many, nothing more is published' : '';
  return `${refusals.events} events deferred${types.length === 0 ? '' : `: ${types.join('; ')}`}${stopped}`;
}
