import type { OutgoingMessage } from '../../../broker/broker.js';
import { failedKey, namesFor, type FailedTarget } from '../../../broker/topology/topology.js';
import { matches } from '../../../events/patterns.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { FlotillaError } from '../../../errors.js';
import { eventMessage } from '../../../outbox/event-message.js';
import type { StoredEvent } from '../../../store/stored-event.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { SimulatedQueue, type QueuedMessage } from './queue.js';
import type { RunState } from '../run-state.js';
import { formatDuration } from '../../../duration.js';

export const names = namesFor('');

/** How long a lost message takes to be redelivered. */
const REDELIVERY_DELAY_MS = [1_000, 10_000] as const;

/** Routes events to the queues of the workers that bind them, each with its own latency, so that they overtake each
 *  other; returns failed messages to their queue after the retry delay. */
export class Network {
  readonly #queues = new Map<string, SimulatedQueue>();
  /** The targets of failed messages, by exchange and routing key. */
  readonly #failed = new Map<string, { worker: string; target: FailedTarget }>();
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly definitions: readonly WorkerDefinition[],
    private readonly state: RunState,
    private readonly options: {
      mayDrop: (event: EventEnvelope, worker: string) => boolean;
      onDead: (worker: string, message: QueuedMessage) => void;
    },
  ) {
    for (const { name, retryDelays } of definitions) {
      this.#queues.set(name, new SimulatedQueue(state.clock.after));
      for (const target of [...retryDelays, 'dead', 'newer'] as const) {
        this.#failed.set(`${names.failed(name)} ${failedKey(target)}`, { worker: name, target });
      }
    }
  }

  /** Throws for a worker that is not part of the simulation. */
  queue(worker: string): SimulatedQueue {
    const queue = this.#queues.get(worker);
    if (queue === undefined) throw new FlotillaError('config.invalid', `the simulation has no worker ${worker}`);
    return queue;
  }

  /** Sends an event of a store to every worker that binds its type. */
  send(stored: StoredEvent, service: string): void {
    const workers = this.definitions.filter(({ handlers }) =>
      handlers.some(({ pattern }) => matches(pattern, stored.type)),
    );
    if (workers.length === 0) return;
    const { exchange, routingKey, body, properties } = eventMessage(stored, names.events, service);
    const content = { exchange, routingKey, body, properties: { ...properties, headers: properties.headers ?? {} } };
    for (const { name } of workers) {
      const number = ++this.state.counts.deliveries;
      const what = `${stored.type} ${stored.stream}`;
      const title = `${what} (delivery ${number})`;
      this.#sendTo(
        name,
        { ...content, number, title, name: this.#nameOf(name, what), returns: 0, position: 0 },
        stored,
      );
    }
  }

  /** Routes the copy of a failed message; one in the quarantine stays there, because a simulated fleet has one release.
   *  Throws `broker.returned` if no queue matches. */
  publishCopy({ exchange, routingKey, body, properties }: OutgoingMessage, original: QueuedMessage): void {
    const { number, title, name } = original;
    const headers = properties.headers ?? {};
    const copy = { number, title, name, exchange, routingKey, body, properties: { ...properties, headers } };
    const found = this.#failed.get(`${exchange} ${routingKey}`);
    if (found === undefined) {
      throw new FlotillaError('broker.returned', `exchange "${exchange}", routing key "${routingKey}"`);
    }
    const { worker, target } = found;
    if (typeof target === 'number') {
      this.#arrive(worker, { ...copy, routingKey: names.queue(worker), returns: 0, position: 0 }, target);
    } else if (target === 'dead') {
      this.state.clock.after(this.state.latencies.hop(`dead ${name}`), () =>
        this.options.onDead(worker, { ...copy, returns: 0, position: 0 }),
      );
    }
  }

  #sendTo(worker: string, message: QueuedMessage, stored: StoredEvent): void {
    const { faults, trace, latencies } = this.state;
    const { number, title, name } = message;
    const say = (what: string) => trace.fault(worker, `${title} ${what}`);
    const hop = latencies.hop(name);
    for (const after of faults.duplicates(number)) {
      say(`is delivered twice, the second time ${formatDuration(after)} later`);
      this.#arrive(worker, { ...message }, hop + after);
    }
    const delay = faults.delay(number);
    if (delay > 0) say(`is delayed by ${formatDuration(delay)}`);
    if (!faults.isDropped(number)) {
      this.#arrive(worker, message, hop + delay);
    } else if (this.options.mayDrop(stored.event, worker)) {
      say('is lost');
    } else {
      say('is lost in transit and redelivered later');
      this.#arrive(
        worker,
        { ...message, returns: 1 },
        hop + delay + latencies.between(`lost ${name}`, ...REDELIVERY_DELAY_MS),
      );
    }
  }

  #arrive(worker: string, message: QueuedMessage, after: number): void {
    this.state.clock.after(after, () => this.queue(worker).push(message));
  }

  /** The name of the n-th message of its kind: independent of other messages. */
  #nameOf(worker: string, what: string): string {
    const kind = `${worker} ${what}`;
    const count = (this.#seen.get(kind) ?? 0) + 1;
    this.#seen.set(kind, count);
    return `${kind} ${count}`;
  }
}
