import type { Broker, Publisher } from '../broker/contract.js';
import { eventProperties } from '../broker/event-properties.js';
import { namesFor, topologyOf, type TopologyOptions } from '../broker/topology.js';
import { formatDuration, parseDuration } from '../duration.js';
import { errorOf, FlotillaError } from '../errors.js';
import { createEvent, originContext } from '../events/create.js';
import type { DataOf, Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { createMetrics } from '../telemetry/metrics.js';
import { systemClock } from '../concurrency/clock.js';
import { typesMatching, type EventFor, type NoTypeMatches, type TypeName } from '../events/handler.js';
import { InFlightMessages } from '../worker/consumption/in-flight.js';
import { OverdueHandlers, ABANDON_AFTER_TIMEOUTS } from '../worker/pipeline/overdue-handlers.js';
import { ConsumptionGate } from '../worker/consumption/gate.js';
import { composePipeline, subscriberPipeline } from '../worker/pipeline/index.js';
import type { PipelineContext } from '../worker/pipeline/context.js';
import type { Duration } from '../worker/definition/options.js';

/** For programs that have a memory of their own: events straight to the exchange, without a store in between. */
export interface EventPublisher<D extends Definitions> {
  /** Resolves, with what was sent, once the broker has confirmed; waits up to 10 s for a broker that is away. Rejects
   *  with `contract.invalid_data`, `broker.unreachable`, or a `broker.*` error that leaves open whether the broker has it: publish again with the same `id`. */
  publish: <T extends TypeName<D>>(type: T, data: DataOf<D, T>, options: PublishOptions) => Promise<EventEnvelope>;
  close: () => Promise<void>;
}

export interface PublishOptions {
  /** What the event is about: `order/<id>`. */
  subject: string;
  /** @default a new one */
  id?: string;
  correlationId?: string;
}

/** Publishes events of a catalogue as `source` to the exchange `events` of the fleet with this prefix. */
export function createPublisher<D extends Definitions>(options: {
  broker: Broker;
  catalogue: { readonly definitions: D };
  source: string;
  /** @default '' */
  prefix?: string;
}): EventPublisher<D> {
  const { broker, catalogue, source, prefix = '' } = options;
  const publisher = broker.createPublisher();
  const names = namesFor(prefix);
  return {
    async publish(type, data, { subject, id, correlationId }) {
      const context = originContext({ source, subject, ...(correlationId !== undefined && { correlationId }) });
      const event = createEvent(catalogue.definitions, type, data, { ...context, id: id ?? context.id });
      await readyWithin(publisher, READY_LIMIT_MS);
      await publisher.publish({
        exchange: names.events,
        routingKey: type,
        vouch: { origin: 'fleet' },
        body: Buffer.from(JSON.stringify(event)),
        properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
      });
      return event;
    },
    close: () => publisher.close(),
  };
}

/** Milliseconds for which a publish waits for the broker. */
const READY_LIMIT_MS = 10_000;

async function readyWithin(publisher: Publisher, limit: number): Promise<void> {
  const late = AbortSignal.timeout(limit);
  try {
    await publisher.ready(late);
  } catch (error) {
    if (late.aborted) throw new FlotillaError('broker.unreachable', `waited ${formatDuration(limit)}`);
    throw error;
  }
}

export interface SubscribeOptions<D extends Definitions> {
  broker: Broker;
  catalogue: { readonly definitions: D };
  /** The name of its queue. Subscribers of one name compete for the messages; each name gets all of them. */
  name: string;
  /** @default '' */
  prefix?: string;
  /** Messages in hand at once. @default 100 */
  prefetch?: number;
  /** @default '30s' */
  timeout?: Duration;
  /** @default ['1s', '10s', '1m', '10m'] */
  delays?: readonly Duration[];
  topology?: Pick<TopologyOptions, 'log' | 'unroutedMax'>;
  logger?: Logger;
}

/** What a plain handler works with. It has no store: what it does must bear being done twice. */
export interface SubscriberContext {
  /** Aborts when the handler times out or the subscription ends. */
  readonly signal: AbortSignal;
  /** 1 at the first delivery. */
  readonly attempt: number;
}

type SubscriberHandler<D extends Definitions, P extends string> = P extends '#'
  ? (event: EventEnvelope, ctx: SubscriberContext) => Promise<void> | void
  : [EventFor<D, P>] extends [never]
    ? NoTypeMatches<P>
    : (event: EventFor<D, P>, ctx: SubscriberContext) => Promise<void> | void;

export interface Subscription {
  /** Takes no more messages, lets those in hand finish for at most `deadline` milliseconds (default 10,000), and
   *  resolves. The queue stays, and keeps what arrives for the next subscriber of the name. */
  unsubscribe: (deadline?: number) => Promise<void>;
}

/** Handles events by topic pattern, at least once, on a durable queue: a handler that throws is tried again after
 *  each of the delays, then the message goes to the dead letters. Resolves once the queue exists. */
export async function subscribe<D extends Definitions, const P extends string>(
  pattern: P,
  handler: SubscriberHandler<D, P>,
  options: SubscribeOptions<D>,
): Promise<Subscription> {
  const { broker, catalogue, name, prefix = '', prefetch = 100, logger = silentLogger() } = options;
  const retryDelays = (options.delays ?? ['1s', '10s', '1m', '10m']).map(parseDuration);
  const types = new Set(typesMatching(catalogue.definitions, pattern));
  const handle = handler as (event: EventEnvelope, ctx: SubscriberContext) => Promise<void> | void;
  const { log, unroutedMax } = options.topology ?? { log: { maxAge: '7D', maxBytes: 2 ** 30 }, unroutedMax: 10_000 };
  await broker.applyTopology(topologyOf([{ name, patterns: [pattern], retryDelays }], { prefix, log, unroutedMax }));

  const ending = new AbortController();
  const metrics = createMetrics();
  const context: PipelineContext = {
    name,
    definitions: catalogue.definitions,
    route: ({ type }) => (types.has(type) ? 'handled' : 'ignored'),
    retryDelays,
    timeout: parseDuration(options.timeout ?? '30s'),
    publisher: broker.createPublisher(),
    names: namesFor(prefix),
    gate: new ConsumptionGate(() => [consumer], prefetch, systemClock),
    logger,
    metrics,
    clock: systemClock,
    instance: 'subscriber',
    verify: undefined,
    isHandled: () => Promise.resolve(false),
    onRetriesExhausted: () => Promise.resolve(),
    abandonAfterTimeouts: ABANDON_AFTER_TIMEOUTS,
    overdueHandlers: new OverdueHandlers({
      worker: name,
      prefetch,
      metrics,
      logger,
      onTooMany: ({ message }) => logger.error(message),
    }),
    unpublished: new Set(),
    signal: ending.signal,
  };
  const pipeline = composePipeline(subscriberPipeline, context, async ({ event, signal, attempt }) => {
    if (event === undefined) throw new FlotillaError('contract.not_an_event', name);
    try {
      await handle(event, { signal: signal.signal, attempt });
    } catch (error) {
      throw errorOf(error);
    }
    return 'done';
  });
  const intake = new InFlightMessages(pipeline, systemClock);
  const consumer = broker.consume(context.names.queue(name), { prefetch, onDelivery: intake.receive });
  return {
    async unsubscribe(deadline = 10_000) {
      await context.gate.end();
      await intake.drain(deadline, consumer, () => ending.abort(new FlotillaError('worker.revoked', 'unsubscribed')));
      await context.publisher.close();
    },
  };
}
