import type { OutgoingMessage } from '../../../broker/broker.js';
import { failedKey, type FailedTarget } from '../../../broker/topology/topology.js';
import { matches } from '../../../events/patterns.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { FlotillaError } from '../../../errors.js';
import { eventMessage } from '../../../outbox/event-message.js';
import type { StoredEvent } from '../../../store/stored-event.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { MessageIdentity, QueuedMessage } from './queue.js';
import { names, pathOf, SimulatedQueues } from './queues.js';
import type { RunState } from '../run-state.js';
import { formatDuration } from '../../../duration.js';

/** How long a lost message takes to be redelivered. */
const REDELIVERY_DELAY_MS = [1_000, 10_000] as const;

/** Where an event is sent. */
interface Route {
  worker: string;
  /** The queues that it reaches when it arrives. */
  queues: () => string[];
  /** Messages with the same path do not overtake each other; undefined: they do. */
  path: string | undefined;
}

/** Routes events to the queues of the workers that bind them, each with its own latency, so that they overtake each other, unless
 *  a partition keeps the order of their service; returns failed messages to their queue after the retry delay. */
export class Network {
  readonly queues: SimulatedQueues;
  /** The targets of failed messages, by exchange and routing key. */
  readonly #failed = new Map<string, { worker: string; target: FailedTarget }>();
  readonly #seen = new Map<string, number>();
  /** The messages of each worker, by the ids of their events. */
  readonly #sent = new Map<string, MessageIdentity>();
  /** When the latest message of each path arrives. */
  readonly #arrivals = new Map<string, number>();

  constructor(
    private readonly definitions: readonly WorkerDefinition[],
    private readonly state: RunState,
    private readonly options: {
      mayDrop: (event: EventEnvelope, worker: string) => boolean;
      onDead: (worker: string, message: QueuedMessage) => void;
    },
  ) {
    this.queues = new SimulatedQueues(definitions, state.clock.after);
    for (const { name, retryDelays } of definitions) {
      for (const target of [...retryDelays, 'dead', 'newer'] as const) {
        this.#failed.set(`${names.failed(name)} ${failedKey(target)}`, { worker: name, target });
      }
    }
  }

  /** The message of an event for a worker. */
  sent(worker: string, eventId: string | undefined): MessageIdentity | undefined {
    return this.#sent.get(`${worker} ${eventId}`);
  }

  /** Sends an event of a store to every worker that binds its type. */
  send(stored: StoredEvent, service: string): void {
    const definitions = this.definitions.filter(({ handlers }) =>
      handlers.some(({ pattern }) => matches(pattern, stored.type)),
    );
    if (definitions.length === 0) return;
    const { exchange, routingKey, body, properties } = eventMessage(stored, names.events, service);
    const headers = properties.headers ?? {};
    const content = { exchange, routingKey, body, properties: { ...properties, headers } };
    for (const definition of definitions) {
      const { name: worker } = definition;
      const what = `${stored.type} ${stored.stream}`;
      const number = ++this.state.counts.deliveries;
      const identity = { number, title: `${what} (delivery ${number})`, name: this.#nameOf(worker, what) };
      this.#sent.set(`${worker} ${properties.messageId}`, identity);
      const queues = () => this.queues.routesOf(definition, stored.type, headers);
      const own = pathOf(definition, stored.type, headers);
      const path = own === undefined ? undefined : `${service} ${own}`;
      this.#sendTo({ worker, queues, path }, { ...content, ...identity, returns: 0, position: 0 }, stored);
    }
  }

  /** Routes the copy of a failed message; one in the quarantine stays there, because a simulated fleet has one release.
   *  Throws `broker.returned` if no queue matches. */
  publishCopy({ exchange, routingKey, body, properties }: OutgoingMessage, { number, title, name }: MessageIdentity) {
    const headers = properties.headers ?? {};
    const copy = { number, title, name, exchange, routingKey, body, properties: { ...properties, headers } };
    const found = this.#failed.get(`${exchange} ${routingKey}`);
    if (found === undefined) {
      throw new FlotillaError('broker.returned', `exchange "${exchange}", routing key "${routingKey}"`);
    }
    const { worker, target } = found;
    if (typeof target === 'number') {
      const queue = names.queue(worker);
      this.#arrive(() => [queue], { ...copy, routingKey: queue, returns: 0, position: 0 }, target);
    } else if (target === 'dead') {
      this.state.clock.after(this.state.latencies.hop(`dead ${name}`), () =>
        this.options.onDead(worker, { ...copy, returns: 0, position: 0 }),
      );
    }
  }

  #sendTo({ worker, queues, path }: Route, message: QueuedMessage, stored: StoredEvent): void {
    const { faults, trace, latencies } = this.state;
    const { number, title, name } = message;
    const say = (what: string) => trace.fault(worker, `${title} ${what}`);
    const copies = faults.duplicates(number);
    for (const after of copies) say(`is delivered twice, the second time ${formatDuration(after)} later`);
    const delay = faults.delay(number);
    if (delay > 0) say(`is delayed by ${formatDuration(delay)}`);
    const isDropped = faults.isDropped(number);
    const isLost = isDropped && this.options.mayDrop(stored.event, worker);
    if (isDropped) say(isLost ? 'is lost' : 'is lost in transit and redelivered later');
    const again = isDropped && !isLost ? latencies.between(`lost ${name}`, ...REDELIVERY_DELAY_MS) : 0;
    const hop = latencies.hop(name);
    const first = this.#inOrder(path, hop + delay + again);
    if (!isLost) this.#arrive(queues, { ...message, returns: isDropped ? 1 : 0 }, first);
    for (const after of copies) this.#arrive(queues, { ...message }, (path === undefined ? hop : first) + after);
  }

  /** Milliseconds until a message arrives that does not overtake the one before it. */
  #inOrder(path: string | undefined, after: number): number {
    if (path === undefined) return after;
    const now = this.state.clock.elapsed();
    const arrival = Math.max(now + after, this.#arrivals.get(path) ?? 0);
    this.#arrivals.set(path, arrival);
    return arrival - now;
  }

  #arrive(queues: () => string[], message: QueuedMessage, after: number): void {
    this.state.clock.after(after, () => {
      for (const queue of queues()) this.queues.get(queue).push({ ...message });
    });
  }

  /** The name of the n-th message of its kind: independent of other messages. */
  #nameOf(worker: string, what: string): string {
    const kind = `${worker} ${what}`;
    const count = (this.#seen.get(kind) ?? 0) + 1;
    this.#seen.set(kind, count);
    return `${kind} ${count}`;
  }
}
