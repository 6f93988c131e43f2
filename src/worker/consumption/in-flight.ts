import type { Delivery } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import { openMessage, type HandleMessage, type Message } from '../pipeline/message.js';
import { settle, type DeliveryOutcome } from '../pipeline/settle.js';

/** The deliveries in the pipeline. Each is settled when the pipeline returns its outcome. */
export class InFlightMessages {
  readonly #inFlight = new Map<Message, Promise<DeliveryOutcome>>();

  constructor(
    private readonly clock: Clock,
    private readonly options: {
      /** Called with the outcome of each message before it is settled. Undefined: there is nothing to wait for. Resolves
       *  with the outcome by which it is settled; must not reject. */
      beforeSettle?: (message: Message, outcome: DeliveryOutcome) => Promise<DeliveryOutcome> | undefined;
      /** Receives the outcome of each message after it is settled. */
      observe?: ((message: Message, outcome: DeliveryOutcome) => void) | undefined;
      /** Runs the handling of a delivery. @default runs it */
      within?: (<T>(delivery: Delivery, handle: () => T) => T) | undefined;
    } = {},
  ) {}

  get size(): number {
    return this.#inFlight.size;
  }

  /** Passes a delivery through the pipeline and settles it. Resolves with the outcome. */
  handle(delivery: Delivery, pipeline: HandleMessage): Promise<DeliveryOutcome> {
    const { within = (_, handle) => handle() } = this.options;
    return within(delivery, () => this.#handle(delivery, pipeline));
  }

  #handle(delivery: Delivery, pipeline: HandleMessage): Promise<DeliveryOutcome> {
    const message = openMessage(delivery, this.clock.now());
    const settled = pipeline(message).then((outcome) => {
      const settling = this.options.beforeSettle?.(message, outcome);
      return settling === undefined
        ? this.#settle(message, outcome)
        : settling.then((final) => this.#settle(message, final));
    });
    this.#inFlight.set(message, settled);
    return settled;
  }

  #settle(message: Message, outcome: DeliveryOutcome): DeliveryOutcome {
    this.#inFlight.delete(message);
    settle(message.delivery, outcome);
    this.options.observe?.(message, outcome);
    return outcome;
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
