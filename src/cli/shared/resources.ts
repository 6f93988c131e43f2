import { sleep } from '../../concurrency/sleep.js';
import { maskedUrl } from '../../config/secrets.js';
import type { Broker } from '../../broker/broker.js';
import { createRabbitBroker } from '../../broker/rabbitmq/broker.js';
import { isPermanentFailure, type ConnectFailure } from '../../broker/rabbitmq/connection/connect-failure.js';
import { requireKey } from '../../broker/signing/key-registration.js';
import { namesFor, type Names, type WorkerQueues } from '../../broker/topology/topology.js';
import { migrateDeadLetters } from '../../dead-letters/storage/migrations.js';
import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { newId } from '../../events/ids.js';
import { createRelay } from '../../outbox/index.js';
import type { Store } from '../../store/store.js';
import { silentLogger } from '../../telemetry/logger.js';
import { hasQueue, queuesOfAll } from '../../worker/definition/queues.js';
import { withSigning } from '../../runtime/broker/signing.js';
import { brokerFor, type Access } from './broker-address.js';
import type { Context } from './context.js';
import { enabledWorkers } from '../../runtime/fleet/enabled-workers.js';
import { hasStore, openExistingStore } from '../../runtime/stores/existing-stores.js';

const BROKER_LIMIT = 10_000;
const FLUSH_LIMIT = 3000;

/** What the fleet is, as the operators' commands see it. */
export interface Surroundings {
  names: Names;
  /** Those that have a queue. */
  workers: WorkerQueues[];
  /** All of the fleet that have one, also those that are not enabled here. */
  declared: WorkerQueues[];
  /** The names of those that have none. */
  queueless: string[];
  /** The names of those that read the log. */
  readers: string[];
  definitions: Definitions;
}

export async function surroundingsOf(context: Context): Promise<Surroundings> {
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, context.config);
  return {
    names: namesFor(context.config.prefix),
    workers: queuesOfAll(enabled),
    declared: queuesOfAll(enabledWorkers(fleet, { ...context.config, workers: undefined })),
    queueless: enabled.filter((worker) => !hasQueue(worker)).map(({ name }) => name),
    readers: enabled.filter(({ from }) => from === 'log').map(({ name }) => name),
    definitions: fleet.catalogue.definitions,
  };
}

/** Connects to the broker; to be closed afterwards. Rejects with `broker.not_configured` where nothing names the broker
 *  that is to be written to. Where it cannot be reached, rejects with the cause as soon as it is known,
 *  or, if waiting may help, after BROKER_WAIT; with `broker.unreachable` where nothing answers within `patience`
 *  milliseconds more. */
export async function openBroker(context: Context, access: Access, patience = BROKER_LIMIT): Promise<Broker> {
  const { amqpUrl, managementUrl, from } = await brokerFor(context, access);
  const { brokerWait, logLevel, userId } = context.config;
  const logger = logLevel === 'debug' ? context.logger() : silentLogger();
  const waitUntil = Date.now() + brokerWait;
  const failed = new AbortController();
  let failure: ConnectFailure | undefined;
  const keys = context.fleetKeys;
  const rabbit = createRabbitBroker({
    url: amqpUrl,
    managementUrl,
    connectionName: 'flotilla command',
    sendUserId: userId !== 'off',
    logger,
    onUnreachable(cause) {
      failure = cause;
      if (isPermanentFailure(cause) || Date.now() >= waitUntil) failed.abort();
    },
  });
  const broker = withSigning(rabbit, keys, { config: context.config, logger });
  const limit = AbortSignal.timeout(brokerWait + patience);
  try {
    await broker.ready(AbortSignal.any([context.signal, failed.signal, limit]));
    if (access === 'write') await requireKey(broker, namesFor(context.config.prefix), keys);
    return broker;
  } catch (error) {
    await broker.close();
    if (context.signal.aborted || !(limit.aborted || failed.signal.aborted)) throw error;
    const { code, detail } = failure ?? { code: 'broker.unreachable', detail: maskedUrl(amqpUrl) };
    throw new FlotillaError(code, `${detail} (${from})`);
  }
}

/** Runs `work` with the broker and closes it afterwards. */
export async function withBroker<T>(
  context: Context,
  access: Access,
  work: (broker: Broker) => Promise<T>,
): Promise<T> {
  const broker = await openBroker(context, access);
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

/** Runs `work` with the store in which dead letters are kept, and closes it afterwards. Never creates it: rejects with
 *  `store.missing` where there is none. */
export async function withOps<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  if (!hasStore(context, OPS_STORE)) {
    throw new FlotillaError(
      'store.missing',
      `${OPS_STORE}, of DATA_DIR ${context.config.dataDir}; a keeper creates it`,
    );
  }
  const store = await openExistingStore(context, OPS_STORE);
  try {
    await migrateDeadLetters(store);
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Publishes what a command has stored in `ops`, where no keeper runs that does. Best effort within three seconds:
 *  what is left is published by whoever runs next. */
export async function flushOps(context: Context, store: Store, broker: Broker, names: Names): Promise<void> {
  const head = await store.head();
  const done = async () => (await store.checkpoint('relay')) >= head;
  if (await done()) return;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, context.signal, AbortSignal.timeout(FLUSH_LIMIT)]);
  const running = createRelay({ store, broker, names, instance: `command-${newId()}` }).run(signal);
  while (!signal.aborted && !(await done())) await sleep(20);
  stop.abort();
  await running;
}
