import { sleep } from '../concurrency/sleep.js';
import { requireTokens } from '../config/load-config.js';
import { FlotillaError } from '../errors.js';
import type { Fleet } from '../fleet/define-fleet.js';
import {
  kafkaResultRoutes,
  kafkaRoutes,
  type KafkaSourceDeclaration,
  type KafkaWindowsDeclaration,
} from '../fleet/kafka.js';
import { KAFKA_STORE } from '../fleet/reserved-names.js';
import { loadKafkaClient } from '../kafka/client/load-client.js';
import type { KafkaClient } from '../kafka/client/kafka-client.js';
import { createSink, type Sink } from '../kafka/sink/sink.js';
import { createSource, type Source } from '../kafka/source/source.js';
import type { TopicRoutes } from '../kafka/topics/topic-routes.js';
import { createTopicWindows, type TopicWindows } from '../kafka/windows/topic-windows.js';
import { openStore } from '../store/open.js';
import type { Store } from '../store/store.js';
import { StoreWatch } from '../store/store-watch.js';
import { runProcess, type FleetProcess } from './fleet-process.js';
import { storeUrlOf } from './place.js';
import { completeConfig, type Running, type RunOptions } from './running.js';
import { serveHealth } from './serve-health.js';
import { hasStore, storeRegistry } from './stores/existing-stores.js';
import { sinkServices } from './stores/kafka-sinks.js';

/** Runs the Kafka sinks and sources of a fleet in this program. Any number of programs may run them: one of them publishes
 *  each store, and the sources share the partitions.
 *
 *  `ready` resolves with the address of /livez, /readyz and /metrics when it has begun; it does not wait for Kafka, nor for the stores.
 *  When `signal` aborts, the transactions in progress end within `config.drainTimeout` milliseconds.
 *
 *  Throws `config.invalid` without `config.kafka.brokers`, and `fleet.invalid` if the fleet declares no `kafka`. Rejects with
 *  `kafka.client_missing`, and as `openStore`. */
export function runKafka(fleet: Fleet, options: RunOptions): Running<{ url: string }> {
  const config = completeConfig(options.config);
  if (fleet.kafka === undefined) throw new FlotillaError('fleet.invalid', 'the fleet declares no `kafka`');
  if (config.kafka.brokers.length === 0) throw new FlotillaError('config.invalid', 'KAFKA_BROKERS is not set');
  requireTokens(config, ['health']);
  return runProcess('kafka', { ...options, fleet, config }, startKafka);
}

async function startKafka(process: FleetProcess): Promise<{ url: string }> {
  const { fleet, config, logger } = process;
  const client = await loadKafkaClient({ ...config.kafka, clientId: process.instance, logger });
  const { url } = await serveHealth(process);
  for (const service of sinkServices(fleet)) startSink(process, client, service);
  await startReaders(process, client);
  await process.register({ role: 'kafka', workers: [], url });
  return { url };
}

const STORE_POLL_MS = 1_000;

/** Publishes the store of a service once it exists: a process of the service creates it. */
function startSink(process: FleetProcess, client: KafkaClient, service: string): void {
  const ending = new AbortController();
  const { signal } = ending;
  process.checks[`sink:${service}`] = () => ({ ok: false, detail: `waits for the store ${service} on this machine` });
  const run = async () => {
    while (!hasStore(process, service) && !signal.aborted) await sleep(STORE_POLL_MS, signal);
    if (!signal.aborted) await runSink(process, client, service, signal);
  };
  const running = run();
  running.catch(process.fail);
  process.atEnd(async () => {
    ending.abort(new Error('the process ends'));
    await Promise.allSettled([running]);
  });
}

/** Opens the store without its relay: the processes of the service publish it to RabbitMQ. */
async function runSink(
  process: FleetProcess,
  client: KafkaClient,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, config, metrics, checks, fail } = process;
  const logger = process.logger.child({ store: service });
  const store = await openStore(storeUrlOf(process, service), service, {
    logger,
    registry: storeRegistry(process),
    onFailure: fail,
  });
  const watch = new StoreWatch({ store, logger, metrics });
  const sink = sinkOf(process, client, { store, routes: kafkaRoutes(fleet, config.prefix) });
  checks[`store:${service}`] = () => watch.check();
  try {
    await Promise.all([sink.run(signal), watch.run(signal)]);
  } finally {
    await store.close();
  }
}

/** Creates a sink with its check. */
function sinkOf(
  { fleet, config, instance, metrics, checks, logger }: FleetProcess,
  client: KafkaClient,
  { store, routes }: { store: Store; routes: TopicRoutes },
): Sink {
  const sink = createSink({
    ...{ store, client, routes, instance, metrics },
    definitions: fleet.catalogue.definitions,
    prefix: config.prefix,
    key: fleet.kafka?.key ?? 'subject',
    logger: logger.child({ store: store.service }),
  });
  checks[`sink:${store.service}`] = () => {
    const { status, lag, failure } = sink.state();
    const detail = status === 'standby' ? 'another process publishes' : `${lag} positions behind`;
    return { ok: failure === undefined, detail: failure?.message ?? detail };
  };
  return sink;
}

/** Starts the sources, the windows over topics, and the sink of their results: all have the store `kafka`. */
async function startReaders(process: FleetProcess, client: KafkaClient): Promise<void> {
  const { fleet, config, checks, fail } = process;
  const { sources = [], windows = [] } = fleet.kafka ?? {};
  if (sources.length === 0 && windows.length === 0) return;
  const { store, check, checkRelay } = await process.openService(KAFKA_STORE);
  checks[`store:${KAFKA_STORE}`] = check;
  checks[`relay:${KAFKA_STORE}`] = checkRelay;
  const routes = kafkaResultRoutes(fleet, config.prefix);
  const parts: { run: (signal: AbortSignal) => Promise<void> }[] = [
    ...sources.map((declared) => sourceOf(process, client, store, declared)),
    ...windows.map((declared) => windowsOf(process, client, store, declared)),
    ...(Object.keys(routes).length > 0 ? [sinkOf(process, client, { store, routes })] : []),
  ];
  const ending = new AbortController();
  const running = parts.map((part) => part.run(ending.signal));
  for (const each of running) each.catch(fail);
  process.atEnd(async () => {
    ending.abort(new Error('the process ends'));
    await Promise.allSettled(running);
  });
}

/** Creates a source with its check. */
function sourceOf(
  { fleet, config, metrics, logger, checks, deriveId }: FleetProcess,
  client: KafkaClient,
  store: Store,
  declared: KafkaSourceDeclaration,
): Source {
  const { definitions } = fleet.catalogue;
  const source = createSource({
    ...{ ...declared, store, client, definitions, deriveId, logger, metrics },
    prefix: config.prefix,
  });
  checks[`source:${declared.name}`] = () => {
    const { failure, lag } = source.state();
    const detail = `reads ${declared.topics.join(', ')}, ${lag} records behind`;
    return { ok: failure === undefined, detail: failure?.message ?? detail };
  };
  return source;
}

/** Creates windows over topics with their check. */
function windowsOf(
  { config, instance, metrics, logger, checks, deriveId }: FleetProcess,
  client: KafkaClient,
  store: Store,
  declared: KafkaWindowsDeclaration,
): TopicWindows {
  const windows = createTopicWindows({
    ...{ ...declared, store, client, instance, deriveId, metrics },
    prefix: config.prefix,
    logger: logger.child({ windows: declared.windows.name }),
  });
  checks[`windows:${declared.windows.name}`] = () => {
    const { status, watermark, lag, failure } = windows.state();
    const reached = watermark === undefined ? 'no watermark yet' : `watermark ${new Date(watermark).toISOString()}`;
    const detail = status === 'standby' ? 'another process computes' : `${reached}, ${lag} records behind`;
    return { ok: failure === undefined, detail: failure?.message ?? detail };
  };
  return windows;
}
