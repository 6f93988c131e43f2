import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { eventLogFields, type Message } from './message.js';

/** Default: a handler is abandoned after this many times its timeout. */
export const ABANDON_AFTER_TIMEOUTS = 3;

/** Abandoned handlers that a process always tolerates, whatever the prefetch: a single message that hangs uses up its
 *  attempts. */
const MIN_ABANDONED_LIMIT = 10;

export interface OverdueHandlersOptions {
  worker: string;
  prefetch: number;
  metrics: Pick<Metrics, 'handlersOverdue' | 'handlersAbandoned'>;
  logger: Logger;
  /** Called once, when the number of abandoned handlers reaches the limit of the process. */
  onTooMany: (error: Error) => void;
}

/** The handlers of one worker that have exceeded their timeout. `overdue` handlers occupy the slot of their delivery;
 *  `abandoned` ones do not, but keep their memory and connections until the process ends. */
export class OverdueHandlers {
  readonly #overdue = new Set<Message>();
  readonly #options: OverdueHandlersOptions;
  readonly #limit: number;
  #abandoned = 0;

  constructor(options: OverdueHandlersOptions) {
    this.#options = options;
    this.#limit = Math.max(MIN_ABANDONED_LIMIT, options.prefetch);
    this.#count();
  }

  get overdue(): number {
    return this.#overdue.size;
  }

  get abandoned(): number {
    return this.#abandoned;
  }

  /** Call when the handler has exceeded its timeout and its context is revoked. */
  add(message: Message): void {
    this.#overdue.add(message);
    this.#log('warn', 'Handler over its timeout and still running', message);
    this.#count();
  }

  /** Call when the handler has settled or is abandoned. */
  remove(message: Message): void {
    if (this.#overdue.delete(message)) this.#count();
  }

  /** Stops waiting for the handler; `settled` resolves when it settles, if ever. */
  abandon(message: Message, settled: Promise<void>): void {
    const { onTooMany, worker } = this.#options;
    this.#abandoned += 1;
    this.#log('error', 'Handler abandoned; its message counts as failed', message);
    this.#count();
    void settled.then(() => {
      this.#abandoned -= 1;
      this.#count();
    });
    if (this.#abandoned === this.#limit) {
      onTooMany(new FlotillaError('worker.handlers_abandoned', `${worker}, ${this.#abandoned} handlers`));
    }
  }

  #count(): void {
    const { worker, metrics } = this.#options;
    metrics.handlersOverdue.labels(worker).set(this.#overdue.size);
    metrics.handlersAbandoned.labels(worker).set(this.#abandoned);
  }

  #log(level: 'warn' | 'error', text: string, { event, attempt, delivery }: Message): void {
    this.#options.logger.log(level, text, {
      code: 'worker.timeout',
      event: delivery.properties.messageId,
      ...(event && eventLogFields(event)),
      attempt,
      overdue: this.#overdue.size,
      abandoned: this.#abandoned,
    });
  }
}
