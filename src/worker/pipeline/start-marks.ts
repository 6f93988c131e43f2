import { messageOf } from '../../errors.js';
import type { InboxKey, Store } from '../../store/contract.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StartTimer } from '../../concurrency/clock.js';
import { sleep } from '../../concurrency/sleep.js';
import type { Message } from './message.js';
import type { Pauses } from '../consumption/gate.js';

const FIRST_WAIT = 100;
const LONGEST_WAIT = 5000;
/** Messages of which this process remembers the marks that it left behind. */
const MAX_SURVIVED = 10_000;

export interface StartsOptions {
  store: Pick<Store, 'recordStart' | 'clearStarts'>;
  pauses: Pick<Pauses, 'trouble'>;
  logger: Logger;
  after: StartTimer;
  /** Aborts when the process must end now. */
  signal: AbortSignal;
}

/**
 * The marks by which a message is found that ends the process. A mark that is left without an outcome means a crash, so a
 * process that lives takes back its own: while the store takes no commit (a full disk takes a small one and refuses the next), the
 * message stays in hand. Where it cannot, because the delivery is lost or the process is told to end, it remembers at least that it
 * has survived.
 */
export class Starts {
  readonly #survived = new Map<string, number>();

  constructor(private readonly options: StartsOptions) {}

  /** Commits a mark. Returns how many there are without an outcome, without those that this process has survived. */
  async record(message: Message, key: InboxKey): Promise<number> {
    const starts = await this.options.store.recordStart(key);
    message.started = true;
    return starts - (this.#survived.get(nameOf(key)) ?? 0);
  }

  /** Takes back the marks of a message whose handling has failed while the process lives. Never rejects. */
  async takeBack(message: Message, key: InboxKey): Promise<void> {
    if (!message.started) return;
    const { store, pauses, logger, after, signal } = this.options;
    const gone = AbortSignal.any([message.delivery.lost, signal]);
    for (let wait = FIRST_WAIT; !gone.aborted; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      try {
        await store.clearStarts(key);
        this.#survived.delete(nameOf(key));
        return;
      } catch (error) {
        if (wait === FIRST_WAIT) {
          logger.warn(`A message is kept in hand until the store takes commits again: ${messageOf(error)}`, {
            event: key.id,
          });
          pauses.trouble();
        }
        await sleep(wait, gone, after);
      }
    }
    this.#remember(nameOf(key));
  }

  #remember(name: string): void {
    const starts = (this.#survived.get(name) ?? 0) + 1;
    this.#survived.delete(name);
    this.#survived.set(name, starts);
    const [oldest] = this.#survived.keys();
    if (this.#survived.size > MAX_SURVIVED && oldest !== undefined) this.#survived.delete(oldest);
  }
}

function nameOf({ consumer, source, id }: InboxKey): string {
  return `${consumer} ${source} ${id}`;
}
