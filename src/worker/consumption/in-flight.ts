import type { Consumer, Delivery } from '../../broker/contract.js';
import { HEADERS } from '../../broker/headers.js';
import { LazySignal } from '../../concurrency/lazy-signal.js';
import type { Handle, Message, Outcome } from '../pipeline/message.js';

/** Messages in hand, and how each is settled: the one place where anything is acked. */
export class Intake {
  readonly #inHand = new Map<Message, Promise<void>>();

  constructor(
    private readonly pipeline: Handle,
    private readonly now: () => number,
    /** Told what became of each message, after it is settled. */
    private readonly observe: (message: Message, outcome: Outcome) => void = () => undefined,
  ) {}

  get size(): number {
    return this.#inHand.size;
  }

  readonly receive = (delivery: Delivery): void => {
    const message = openMessage(delivery, this.now());
    const settled = this.pipeline(message).then((outcome) => {
      this.#inHand.delete(message);
      if (outcome === 'returned') delivery.requeue();
      else delivery.ack();
      this.observe(message, outcome);
    });
    this.#inHand.set(message, settled);
  };

  /** Resolves when all that is in hand now is settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#inHand.values());
  }

  /** Lets what is in hand finish for at most `deadline` milliseconds, then returns the rest to the queue. */
  async drain(deadline: number, consumer: Consumer, giveUp: () => void): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadline)));
    await Promise.race([this.settled(), limit]);
    clearTimeout(timer);
    giveUp();
    await consumer.close();
  }
}

function openMessage(delivery: Delivery, receivedAt: number): Message {
  const attempt = delivery.properties.headers[HEADERS.attempt];
  return {
    delivery,
    attempt: typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    receivedAt,
    event: undefined,
    key: undefined,
    started: false,
    signal: new LazySignal(),
    failure: undefined,
    effects: [],
  };
}
