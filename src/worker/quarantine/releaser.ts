import type { Broker, Delivery } from '../../broker/broker.js';
import { upcast } from '../../events/decode.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { eventIn } from '../../events/event-in.js';
import type { CircuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import type { InFlightMessages } from '../consumption/in-flight.js';
import { isUnreadable } from '../middleware/quarantine.js';
import type { PipelineContext } from '../pipeline/context.js';
import type { HandleMessage } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import { eventKind } from './quarantined-message.js';
import { releasePass, type Examined } from './release-pass.js';

/** Messages that are released at the same time, at most; and at most half of the prefetch. */
const MAX_CONCURRENCY = 50;

export interface ReleaserOptions {
  broker: Broker;
  /** Maximum number of messages in flight. */
  prefetch: number;
  /** A subscriber has no circuit breaker. */
  context: PipelineContext & { readonly circuitBreaker?: Pick<CircuitBreaker, 'state'> };
  pipeline: HandleMessage;
  inFlight: InFlightMessages;
}

/** Passes the quarantined messages that this release can read through the pipeline of a worker or subscriber. They take
 *  their slots from its prefetch, and stop with its consumption. */
export class Releaser {
  isReleasing = false;

  constructor(private readonly options: ReleaserOptions) {}

  /** Whether consumption is neither paused nor on probe. */
  get isAllowed(): boolean {
    const { gate, circuitBreaker } = this.options.context;
    return gate.isOpen && (circuitBreaker?.state ?? 'closed') === 'closed';
  }

  /** Releases messages until there is nothing more to release, consumption pauses, or the signal aborts. Resolves with
   *  their number. */
  async release(signal: AbortSignal): Promise<number> {
    const { broker, prefetch, context, inFlight } = this.options;
    const { gate, names, name } = context;
    const concurrency = Math.max(1, Math.min(MAX_CONCURRENCY, Math.floor(prefetch / 2)));
    const paused = new AbortController();
    const stopListening = gate.onChange(() => {
      if (!this.isAllowed) paused.abort();
    });
    const end = AbortSignal.any([signal, paused.signal]);
    let total = 0;
    this.isReleasing = true;
    try {
      await gate.reserve(concurrency);
      // its handlers rely on being the only one that runs
      if (prefetch === 1) await this.#unlessEnded(inFlight.settled());
      for (let released = -1; released !== 0 && !end.aborted; total += released) {
        released = await releasePass({
          broker,
          queue: names.newer(name),
          concurrency,
          examine: (delivery) => this.#examine(delivery),
          handle: (delivery) => this.#handle(delivery),
          signal: end,
        });
      }
    } finally {
      stopListening();
      this.isReleasing = false;
      await gate.reserve(0);
    }
    return total;
  }

  #examine(delivery: Delivery): Examined {
    const event = eventIn(delivery);
    return { subject: event?.subject, isReadable: event === undefined || this.#canRead(event) };
  }

  #canRead(event: EventEnvelope): boolean {
    const { definitions, requested, quarantined } = this.options.context;
    try {
      upcast(definitions, event, requested);
      return true;
    } catch (error) {
      if (!isUnreadable(error)) return true; // the pipeline rejects it
      quarantined?.unreadable.add(eventKind(event));
      return false;
    }
  }

  async #handle(delivery: Delivery): Promise<DeliveryOutcome> {
    const { inFlight, pipeline } = this.options;
    return (await this.#unlessEnded(inFlight.handle(delivery, pipeline))) ?? 'returned';
  }

  /** Resolves with undefined when the process ends first: a handler may not return. */
  #unlessEnded<T>(work: Promise<T>): Promise<T | undefined> {
    const { signal } = this.options.context;
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const end = () => resolve(undefined);
      signal.addEventListener('abort', end, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
    });
  }
}
