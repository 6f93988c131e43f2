import { FlotillaError } from '../../errors.js';
import type { Broker, OutgoingMessage, TopologyDifference } from '../broker.js';
import type { FieldValue } from '../messages/amqp-fields.js';
import { bindingKey } from '../topology/binding-name.js';
import { mergeTopology, withoutParts } from '../topology/merge-topology.js';
import { withVariants } from '../topology/partition-sets.js';
import { StateCell } from '../broker-state.js';
import { compareTopology } from '../topology/compare-topology.js';
import type { BindingSpec, ExchangeSpec, Topology } from '../topology/topology.js';
import { systemClock, type Clock } from '../../concurrency/clock.js';
import { MemoryConsumer } from './consumer.js';
import type { Routed } from './publisher.js';
import { MemoryPublisher } from './publisher.js';
import type { Content, DeathReason, QueuedMessage } from './queue.js';
import { MemoryQueue } from './queue.js';
import { route } from './routing.js';
import { MemoryStream, MemoryStreamReader } from './stream.js';

/** A broker in memory, with faults for tests. */
export interface MemoryBroker extends Broker {
  /** Simulates faults, for tests. */
  readonly fault: {
    /** Ends every channel; they reopen after `reconnect`. */
    disconnect(): void;
    reconnect(): void;
    block(): void;
    unblock(): void;
    deleteQueue(name: string): void;
  };
}

export interface MemoryBrokerOptions {
  /** @default the system clock */
  clock?: Clock;
}

/** Creates a broker in this process that keeps everything in memory, for tests and for fleets of one process. All of
 *  its publishers and consumers share it. It is ready immediately. */
export function createMemoryBroker({ clock = systemClock }: MemoryBrokerOptions = {}): MemoryBroker {
  const state = new StateCell();
  const exchanges = new Map<string, ExchangeSpec>();
  const queues = new Map<string, MemoryQueue>();
  const streams = new Map<string, MemoryStream>();
  const bindings = new Map<string, BindingSpec>();
  const publishers = new Set<MemoryPublisher>();
  const consumers = new Set<MemoryConsumer>();
  const readers = new Set<MemoryStreamReader>();
  let applied: Topology | undefined;
  state.set('ready');

  /** Undefined if the exchange does not exist. The default exchange routes to the queue named by the routing key. */
  function destinations({
    exchange,
    routingKey,
    properties,
  }: OutgoingMessage): (MemoryQueue | MemoryStream)[] | undefined {
    const headers = properties.headers ?? {};
    const names =
      exchange === '' ? [routingKey] : route({ exchange, routingKey, headers }, exchanges, bindings.values());
    return names === undefined ? undefined : [...names].flatMap((name) => queues.get(name) ?? streams.get(name) ?? []);
  }

  function deliver(message: OutgoingMessage): Routed {
    const found = destinations(message);
    if (found === undefined) {
      restoreSoon();
      return 'no_exchange';
    }
    const { exchange, routingKey } = message;
    const content: Content = {
      exchange,
      routingKey,
      // the publisher may reuse its buffer
      body: Uint8Array.from(message.body),
      properties: { ...message.properties, headers: { ...message.properties.headers } },
    };
    const takenBy = found.filter((queue) => queue.push(content));
    if (takenBy.length < found.length) return 'refused';
    if (found.length > 0) return 'taken';
    if (message.mandatory === true) restoreSoon();
    return 'unroutable';
  }

  function deadLetter(queue: MemoryQueue, message: QueuedMessage, reason: DeathReason): boolean {
    const exchange = queue.arguments['x-dead-letter-exchange'];
    if (typeof exchange !== 'string') return true;
    const key = queue.arguments['x-dead-letter-routing-key'];
    const { properties, body } = message;
    const death: FieldValue = {
      queue: queue.name,
      reason,
      count: 1,
      exchange: message.exchange,
      'routing-keys': [message.routingKey],
    };
    const earlier = properties.headers['x-death'];
    const headers = {
      'x-first-death-queue': queue.name,
      'x-first-death-reason': reason,
      'x-first-death-exchange': message.exchange,
      ...properties.headers,
      'x-death': [death, ...(Array.isArray(earlier) ? earlier : [])],
    };
    const routingKey = typeof key === 'string' ? key : message.routingKey;
    return deliver({ exchange, routingKey, body, properties: { ...properties, headers } }) === 'taken';
  }

  const compare = (topology: Topology) => {
    const actual = [...exchanges.values()].map((each) => ({ ...each, durable: true, arguments: each.arguments ?? {} }));
    return compareTopology(topology, {
      exchanges: actual,
      queues: [
        ...[...queues.values()].map(({ name, arguments: fields }) => ({ name, durable: true, arguments: fields })),
        ...[...streams.values()].map(({ name, fields }) => ({ name, durable: true, arguments: fields })),
      ],
      bindings: [...bindings.values()].map((each) => ({ ...each, arguments: each.arguments ?? {} })),
    });
  };

  function attach(consumer: MemoryConsumer): void {
    const queue = queues.get(consumer.queue);
    if (queue !== undefined && connected()) consumer.attach(queue);
  }

  function attachReader(reader: MemoryStreamReader): void {
    const stream = streams.get(reader.stream);
    if (stream !== undefined && connected()) reader.attach(stream);
  }

  const hasExchange = async (name: string) => exchanges.has(name);

  function deleteQueue(name: string): void {
    queues.get(name)?.stop();
    queues.delete(name);
    streams.delete(name);
    for (const reader of readers) if (reader.stream === name) reader.detach();
    for (const [key, binding] of bindings) if (binding.destination === name) bindings.delete(key);
    for (const consumer of consumers) if (consumer.queue === name) consumer.detach();
  }

  function declare({ exchanges: wantedExchanges, queues: wantedQueues, bindings: wantedBindings }: Topology): void {
    for (const spec of wantedExchanges) exchanges.set(spec.name, spec);
    for (const { name, arguments: fields } of wantedQueues) {
      if (fields['x-queue-type'] === 'stream') {
        if (!streams.has(name)) streams.set(name, new MemoryStream(name, fields, clock));
      } else if (!queues.has(name)) queues.set(name, new MemoryQueue({ name, arguments: fields, clock, deadLetter }));
    }
    for (const binding of wantedBindings) bindings.set(bindingKey(binding), binding);
  }

  function attachAll(): void {
    for (const queue of queues.values()) queue.retryDeadLetters();
    for (const consumer of consumers) attach(consumer);
    for (const reader of readers) attachReader(reader);
  }

  /** Declares missing parts of the applied topology again. */
  function restoreSoon(): void {
    setImmediate(async () => {
      if (applied === undefined || state.value === 'closed') return;
      declare(await withVariants(applied, { hasExchange }));
      attachAll();
    });
  }

  const connected = () => state.value === 'ready' || state.value === 'blocked';
  const open = () => {
    if (state.value === 'closed') throw new FlotillaError('broker.closed');
  };

  return {
    get state() {
      return state.value;
    },
    onState: (listener) => state.listen(listener),
    ready: (signal) => state.until(['ready'], signal),
    createPublisher() {
      open();
      const publisher = new MemoryPublisher(state, deliver, (closed) => publishers.delete(closed));
      publishers.add(publisher);
      return publisher;
    },
    consume(queue, options) {
      open();
      const consumer = new MemoryConsumer(queue, options, (closed) => consumers.delete(closed));
      consumers.add(consumer);
      attach(consumer);
      return consumer;
    },
    readStream(stream, options) {
      open();
      const reader = new MemoryStreamReader(stream, options, (closed) => readers.delete(closed));
      readers.add(reader);
      attachReader(reader);
      return reader;
    },
    async applyTopology(wanted, signal) {
      await state.until(['ready', 'blocked'], signal);
      const topology = await withVariants(wanted, { hasExchange });
      const { differences, surplus } = compare(topology);
      const conflicts = differences.filter(({ problem }) => problem === 'conflict');
      if (conflicts.length > 0) {
        const list = conflicts.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`).join('; ');
        throw new FlotillaError('broker.topology_conflict', list);
      }
      declare(topology);
      for (const binding of surplus) bindings.delete(bindingKey(binding));
      applied = applied === undefined ? wanted : mergeTopology(applied, wanted);
      attachAll();
      return differences;
    },
    async planTopology(topology): Promise<TopologyDifference[]> {
      return compare(await withVariants(topology, { hasExchange })).differences;
    },
    async removeTopology(parts) {
      if (applied !== undefined) applied = withoutParts(applied, parts);
      for (const binding of parts.bindings) bindings.delete(bindingKey(binding));
      for (const { name } of parts.exchanges) {
        exchanges.delete(name);
        for (const [key, { source, destination }] of bindings)
          if (source === name || destination === name) bindings.delete(key);
      }
      for (const { name } of parts.queues) deleteQueue(name);
    },
    hasExchange,
    async queueDepth(name) {
      const queue = queues.get(name) ?? streams.get(name);
      return queue === undefined ? undefined : { ready: queue.depth, consumers: queue.consumers };
    },
    async findRefusing(exchange, routingKey) {
      const found = destinations({ exchange, routingKey, properties: {}, body: new Uint8Array() }) ?? [];
      return found
        .filter((queue) => queue instanceof MemoryQueue && queue.refuses(1))
        .map(({ name }) => ({ name, reason: 'full' }));
    },
    async close() {
      for (const consumer of [...consumers]) await consumer.close();
      for (const reader of [...readers]) await reader.close();
      for (const publisher of [...publishers]) await publisher.close();
      for (const queue of queues.values()) queue.stop();
      state.set('closed');
    },
    fault: {
      disconnect() {
        state.set('connecting');
        for (const publisher of publishers) publisher.fail(new FlotillaError('broker.disconnected'));
        for (const consumer of consumers) consumer.detach();
        for (const reader of readers) reader.detach();
      },
      reconnect() {
        state.set('ready');
        for (const consumer of consumers) attach(consumer);
        for (const reader of readers) attachReader(reader);
      },
      block: () => state.set('blocked'),
      unblock: () => state.set('ready'),
      deleteQueue(name) {
        const isMissed =
          [...consumers].some(({ queue }) => queue === name) || [...readers].some(({ stream }) => stream === name);
        if (isMissed) restoreSoon();
        deleteQueue(name);
      },
    },
  };
}
