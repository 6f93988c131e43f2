import type { Broker, RefusingQueue } from '../../broker/broker.js';
import { messageOf, type FlotillaError } from '../../errors.js';
import { BoundedLog } from '../../telemetry/bounded-log.js';
import type { Logger } from '../../telemetry/logger.js';

/** A type of which the broker refuses events. */
export interface Refusal {
  type: string;
  /** RFC 3339. */
  since: string;
  code: string;
  /** Why, by queue; empty while it is not known. */
  queues: readonly RefusingQueue[];
}

export interface RefusedTypesOptions {
  broker: Partial<Pick<Broker, 'findRefusing'>>;
  exchange: string;
  logger: Logger;
  clock: () => number;
  /** Told how many events are deferred, whenever that changes. */
  onDeferred: (events: number) => void;
}

/** The least time between two log entries about one type. */
const REPORT_INTERVAL_MS = 60_000;
/** The least time between two questions to the broker about one type: its statistics change as often. */
const QUERY_INTERVAL_MS = 5_000;
const UNKNOWN_QUEUE =
  'not known: no queue on the way of this type is full or down as far as the management API says; see `rabbitmqctl list_queues name state messages effective_policy_definition`';

/** What the broker refuses, for the log and `/readyz`. */
export class RefusedTypes {
  readonly #current = new Map<string, Refusal>();
  readonly #log: BoundedLog;
  readonly #asked = new Map<string, number>();
  #events = 0;
  #full = false;

  constructor(private readonly options: RefusedTypesOptions) {
    this.#log = new BoundedLog(options.logger, REPORT_INTERVAL_MS);
  }

  get current(): readonly Refusal[] {
    return [...this.#current.values()];
  }

  /** How many events are deferred. */
  get events(): number {
    return this.#events;
  }

  /** Whether so many are deferred that nothing else is published. */
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
    } else this.options.logger.info('relay: publishing resumed', { deferred: events });
  }

  refused(type: string, error: FlotillaError, deferred: number): void {
    const { clock } = this.options;
    const known = this.#current.get(type);
    if (known === undefined) {
      this.#current.set(type, { type, since: new Date(clock()).toISOString(), code: error.code, queues: [] });
    }
    const now = performance.now();
    if (now - (this.#asked.get(type) ?? -Infinity) < QUERY_INTERVAL_MS) return;
    this.#asked.set(type, now);
    void this.#report(type, error, deferred);
  }

  accepted(type: string): void {
    const refusal = this.#current.get(type);
    if (!this.#current.delete(type) || refusal === undefined) return;
    for (const known of [true, false]) this.#log.clear(`${type} ${known}`);
    this.#asked.delete(type);
    this.options.logger.info('relay: the broker accepts this type again', { type, since: refusal.since });
  }

  /** The lease is lost: another process finds out by itself. */
  clear(): void {
    this.#current.clear();
    this.#asked.clear();
    this.deferred(0, false);
  }

  /** Names the queues that refuse, then logs. Never rejects. */
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
    this.#log.log(
      'error',
      `${type} ${queues.length > 0}`,
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

/** `3 events deferred: payment.process refused since … (payment: 10 of 10 messages)` */
export function refusalsLine(refusals: Pick<RefusedTypes, 'current' | 'events' | 'full'>): string {
  const types = refusals.current.map(({ type, since, code, queues }) => {
    const by = queues.map(({ name, reason }) => `${name}: ${reason}`).join(', ');
    return `${type} refused since ${since} (${by === '' ? code : by})`;
  });
  const stopped = refusals.full ? '; too many, nothing more is published' : '';
  return `${refusals.events} events deferred${types.length === 0 ? '' : `: ${types.join('; ')}`}${stopped}`;
}
