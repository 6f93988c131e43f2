import type { Broker } from '../broker/broker.js';
import { namesFor, topologyOf, type TopologyOptions } from '../broker/topology/topology.js';
import { parseDuration } from '../duration.js';
import { errorOf, FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import { FaultLog } from '../telemetry/fault-log.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { createMetrics } from '../telemetry/metrics.js';
import { systemClock } from '../concurrency/clock.js';
import { keyProblem, parseHandlerKey } from '../events/handler-keys.js';
import { typesMatching, type Handler } from '../events/handler-types.js';
import { matches } from '../events/patterns.js';
import { QuarantineLog } from '../worker/quarantine/quarantine-log.js';
import { InFlightMessages } from '../worker/consumption/in-flight.js';
import { OverdueHandlers, ABANDON_AFTER_TIMEOUTS } from '../worker/pipeline/overdue-handlers.js';
import { ConsumptionGate } from '../worker/consumption/gate.js';
import { Releaser } from '../worker/quarantine/releaser.js';
import { releaseRepeatedly } from './release-repeatedly.js';
import { subscriberPipeline } from '../worker/pipeline/index.js';
import { publishRetry } from '../worker/pipeline/publish-retry.js';
import type { PipelineContext } from '../worker/pipeline/context.js';
import type { Duration } from '../worker/definition/options.js';

/** The options of `subscribe`. */
export interface SubscribeOptions<D extends Definitions> {
  broker: Broker;
  catalogue: { readonly definitions: D };
  /** The name of its queue. Subscribers with the same name compete for messages; each name receives all of them. */
  name: string;
  /** @default '' */
  prefix?: string;
  /** Maximum number of messages in flight. @default 100 */
  prefetch?: number;
  /** @default '30s' */
  timeout?: Duration;
  /** The delays between attempts: one further attempt for each delay. @default ['1s', '10s', '1m', '10m'] */
  delays?: readonly Duration[];
  topology?: Pick<TopologyOptions, 'log' | 'unroutedMax'>;
  logger?: Logger;
}

/** The context of a handler. There is no inbox: the handler must be idempotent. */
export interface SubscriberContext {
  /** Aborts when the handler times out or the subscription ends. */
  readonly signal: AbortSignal;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
}

/** A running subscription. */
export interface Subscription {
  /** Stops consuming, waits at most `deadline` milliseconds (default 10,000) for the messages in flight, then requeues
   *  the others. The queue remains and stores messages for the next subscriber with this name. */
  unsubscribe: (deadline?: number) => Promise<void>;
}

/** Handles the events of a topic pattern, or one version of a type (`order.created@1`), at least once, from a durable
 *  queue. A message whose handler throws is retried after each of the delays, then dead-lettered. An event that the
 *  catalogue cannot read waits in the queue `<name>.newer`, until a subscriber of this name runs that can. Resolves when the
 *  queue exists. */
export async function subscribe<D extends Definitions, const P extends string>(
  key: P,
  handler: Handler<D, P, SubscriberContext>,
  options: SubscribeOptions<D>,
): Promise<Subscription> {
  const { broker, catalogue, name, prefix = '', prefetch = 100, logger = silentLogger() } = options;
  const retryDelays = (options.delays ?? ['1s', '10s', '1m', '10m']).map(parseDuration);
  const { pattern, version } = parseHandlerKey(key);
  const problem = keyProblem(catalogue.definitions, { pattern, version });
  if (problem !== undefined) throw new FlotillaError('worker.bad_definition', `${name}: ${problem}`);
  const types = new Set(typesMatching(catalogue.definitions, pattern));
  const handle = handler as (event: EventEnvelope, ctx: SubscriberContext) => Promise<void> | void;
  const { log, unroutedMax } = options.topology ?? { log: { maxAge: '7D', maxBytes: 2 ** 30 }, unroutedMax: 10_000 };
  await broker.applyTopology(topologyOf([{ name, patterns: [pattern], retryDelays }], { prefix, log, unroutedMax }));

  const ending = new AbortController();
  const metrics = createMetrics();
  const context: PipelineContext = {
    name,
    definitions: catalogue.definitions,
    requested: version === undefined ? undefined : new Map([[pattern, [version]]]),
    route: ({ type }) => (types.has(type) ? 'handled' : 'ignored'),
    isBound: (type) => matches(pattern, type),
    keyOf: ({ source, id }) => ({ consumer: name, source, id }),
    quarantineLog: new QuarantineLog(logger),
    retryDelays,
    timeout: parseDuration(options.timeout ?? '30s'),
    publisher: broker.createPublisher(),
    names: namesFor(prefix),
    gate: new ConsumptionGate(prefetch, systemClock),
    logger,
    metrics,
    clock: systemClock,
    instance: 'subscriber',
    isHandled: () => Promise.resolve(false),
    waitForRetry: (message, delay, headers) => publishRetry(context, message, delay, headers),
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
    unconfirmed: new FaultLog(logger, 'error'),
    signal: ending.signal,
  };
  const pipeline = subscriberPipeline(context, async ({ event, signal, attempt }) => {
    if (event === undefined) throw new FlotillaError('contract.not_an_event', name);
    try {
      await handle(event, { signal: signal.signal, attempt });
    } catch (error) {
      throw errorOf(error);
    }
    return 'done';
  });
  const inFlight = new InFlightMessages(systemClock);
  const consumer = broker.consume(context.names.queue(name), {
    prefetch,
    onDelivery: (delivery) => void inFlight.handle(delivery, pipeline),
  });
  context.gate.control([consumer]);
  const releaser = new Releaser({ broker, prefetch, context, pipeline, inFlight });
  const releasing = releaseRepeatedly(releaser, {
    isEmpty: async () => ((await broker.queueDepth(context.names.newer(name)))?.ready ?? 0) === 0,
    logger,
    signal: ending.signal,
  });
  return {
    async unsubscribe(deadline = 10_000) {
      await context.gate.end();
      await inFlight.settledWithin(deadline);
      ending.abort(new FlotillaError('worker.revoked', 'unsubscribed'));
      await releasing;
      await consumer.close();
      await context.publisher.close();
    },
  };
}
