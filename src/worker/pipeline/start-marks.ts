import { messageOf } from '../../errors.js';
import type { InboxKey, Store } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Clock } from '../../concurrency/clock.js';
import type { Message } from './message.js';
import { untilStored } from './until-stored.js';
import type { ConsumptionGate } from '../consumption/gate.js';

/** How many messages with remaining marks this process remembers. */
const MAX_SURVIVED_MARKS = 10_000;

export interface StartMarksOptions {
  store: Pick<Store, 'recordStart' | 'clearStarts'>;
  gate: Pick<ConsumptionGate, 'pauseAfterError'>;
  logger: Logger;
  clock: Clock;
  /** Aborts when the process must end now. */
  signal: AbortSignal;
}

/** Start marks, which identify a message that crashes the process. A remaining mark means a crash, so a process that
 *  survives removes its own marks: while the store refuses the commit (a full disk may accept one and refuse the next),
 *  the message stays in flight. If a mark cannot be removed, because the delivery is lost or the process ends, the
 *  process remembers that it survived. */
export class StartMarks {
  readonly #survived = new Map<string, number>();

  constructor(private readonly options: StartMarksOptions) {}

  /** Commits a mark. Returns the number of marks, without those that this process has survived. */
  async record(message: Message, key: InboxKey): Promise<number> {
    const starts = await this.options.store.recordStart(key);
    message.hasStartMark = true;
    return starts - (this.#survived.get(nameOf(key)) ?? 0);
  }

  /** Removes the marks of a message whose handling failed without a crash. Never rejects. */
  async remove(message: Message, key: InboxKey): Promise<void> {
    if (!message.hasStartMark) return;
    const { store, gate, logger, clock, signal } = this.options;
    const removed = await untilStored(() => store.clearStarts(key), {
      gone: AbortSignal.any([message.delivery.lost, signal]),
      clock,
      onFirstFailure(error) {
        logger.warn(`A message stays in flight until the store accepts commits again: ${messageOf(error)}`, {
          event: key.id,
        });
        gate.pauseAfterError();
      },
    });
    if (removed) this.#survived.delete(nameOf(key));
    else this.#remember(nameOf(key));
  }

  #remember(name: string): void {
    const starts = (this.#survived.get(name) ?? 0) + 1;
    this.#survived.delete(name);
    this.#survived.set(name, starts);
    const [oldest] = this.#survived.keys();
    if (this.#survived.size > MAX_SURVIVED_MARKS && oldest !== undefined) this.#survived.delete(oldest);
  }
}

function nameOf({ consumer, source, id }: InboxKey): string {
  return `${consumer} ${source} ${id}`;
}
