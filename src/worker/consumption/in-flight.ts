import type { Delivery } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import { openMessage, type HandleMessage, type Message } from '../pipeline/message.js';
import { settle, type DeliveryOutcome } from '../pipeline/settle.js';

/** The deliveries in the pipeline. Each is settled when the pipeline returns its outcome. */
export class InFlightMessages {
  readonly #inFlight = new Map<Message, Promise<void>>();

  constructor(
    private readonly clock: Clock,
    /** Receives the outcome of each message after it is settled. */
    private readonly observe: (message: Message, outcome: DeliveryOutcome) => void = () => undefined,
  ) {}

  get size(): number {
    return this.#inFlight.size;
  }

  /** Passes a delivery through the pipeline and settles it. */
  handle(delivery: Delivery, pipeline: HandleMessage): void {
    const message = openMessage(delivery, this.clock.now());
    const settled = pipeline(message).then((outcome) => {
      this.#inFlight.delete(message);
      settle(delivery, outcome);
      this.observe(message, outcome);
    });
    this.#inFlight.set(message, settled);
  }

  /** Resolves when all messages in flight at the time of the call are settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight.values());
  }

  /** Like `settled`, but resolves after `limit` milliseconds at the latest. */
  async settledWithin(limit: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)));
    await Promise.race([this.settled(), late]);
    clearTimeout(timer);
  }
}
