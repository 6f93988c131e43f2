import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { Message } from './message.js';
import { eventLogFields } from './log-fields.js';

/** How many times its timeout a handler is waited for, where nothing else is said. */
export const ABANDON_AFTER_TIMEOUTS = 3;

/** Abandoned handlers that a process bears at least, whatever the prefetch: one message that hangs uses up its attempts. */
const MIN_ABANDONED_LIMIT = 10;

export interface OverdueHandlersOptions {
  worker: string;
  prefetch: number;
  metrics: Pick<Metrics, 'handlersOverdue' | 'handlersAbandoned'>;
  logger: Logger;
  /** Called once, when more handlers are abandoned than the process can bear. */
  onTooMany: (error: Error) => void;
}

/** The handlers of one worker that have outlived their timeout. `overdue` ones hold the slot of their delivery; `abandoned` ones
 *  do not, but whatever they hold in the process, which only its end gives back. */
export class OverdueHandlers {
  readonly #overdue = new Set<Message>();
  readonly #options: OverdueHandlersOptions;
  readonly #bound: number;
  #abandoned = 0;

  constructor(options: OverdueHandlersOptions) {
    this.#options = options;
    this.#bound = Math.max(MIN_ABANDONED_LIMIT, options.prefetch);
    this.#count();
  }

  get overdue(): number {
    return this.#overdue.size;
  }

  get abandoned(): number {
    return this.#abandoned;
  }

  /** The handler is over its timeout, and its context is revoked. */
  add(message: Message): void {
    this.#overdue.add(message);
    this.#log('warn', 'A handler is over its timeout and has not returned', message);
    this.#count();
  }

  /** The handler has settled, or is not waited for any more. */
  remove(message: Message): void {
    if (this.#overdue.delete(message)) this.#count();
  }

  /** The handler is not waited for any more; `settled` resolves when it settles, if ever. */
  abandon(message: Message, settled: Promise<void>): void {
    const { onTooMany, worker } = this.#options;
    this.#abandoned += 1;
    this.#log('error', 'A handler does not return: it is abandoned, and its message counts as failed', message);
    this.#count();
    void settled.then(() => {
      this.#abandoned -= 1;
      this.#count();
    });
    if (this.#abandoned === this.#bound) {
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
