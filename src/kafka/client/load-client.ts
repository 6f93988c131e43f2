import { FlotillaError } from '../../errors.js';
import { avoidNeedlessTimers } from './kafkajs-timers.js';
import type { KafkaConnection } from './connection.js';
import type { KafkaClient } from './kafka-client.js';
import { clientOf, type Dialect } from './kafkajs-client.js';
import type { KafkaConstructor } from './kafkajs-shape.js';

/** Loads the client library of the connection, an optional peer dependency, and creates a client. Nothing is connected
 *  yet. Rejects with `kafka.client_missing` if the library is not installed. */
export async function loadKafkaClient(connection: KafkaConnection): Promise<KafkaClient> {
  return connection.client === 'confluent' ? confluentClient(connection) : kafkajsClient(connection);
}

/** Time limits of a request in milliseconds, and its attempts. The caller repeats a request that fails in all of them. */
const LIMITS = { connectionTimeout: 5_000, requestTimeout: 15_000 };
/** The first delay is short, because Kafka refuses a transaction while it completes the previous one. */
const RETRY = { initialRetryTime: 20, maxRetryTime: 1_000, retries: 8 };

async function kafkajsClient(connection: KafkaConnection): Promise<KafkaClient> {
  const { default: kafkajs } = await import('kafkajs').catch(missing('kafkajs'));
  avoidNeedlessTimers();
  const { logger } = connection;
  const Kafka = kafkajs.Kafka as unknown as KafkaConstructor;
  const kafka = new Kafka({
    ...commonOptions(connection),
    ...LIMITS,
    retry: RETRY,
    logLevel: logger === undefined ? kafkajs.logLevel.NOTHING : kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log }: { namespace: string; log: { message: string } }) =>
        logger?.debug(`kafkajs: ${namespace}: ${log.message}`),
  });
  const dialect: Dialect = {
    producer: (options) =>
      // Java's partitioner, so that programs in other languages find the same partition for a key
      ({ ...options, createPartitioner: kafkajs.Partitioners.DefaultPartitioner }),
    consumer: ({ group, sessionTimeout }) => ({
      groupId: group,
      sessionTimeout,
      heartbeatInterval: sessionTimeout / 3,
      allowAutoTopicCreation: false,
      // a member that vanishes while it joins holds up the others for so long; no batch takes longer
      rebalanceTimeout: 2 * sessionTimeout,
      // short, because a record waits for up to this long in the broker
      maxWaitTimeInMs: 500,
      // a consumer that has crashed is replaced by a new one
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
    }),
    subscription: ({ fromBeginning }) => ({ fromBeginning }),
    run: () => ({ autoCommit: false, eachBatchAutoResolve: false }),
    send: { acks: -1 },
    topics: { waitForLeaders: false },
    offsetsOf: async (group) => ({ consumerGroupId: group }),
  };
  return clientOf(kafka, dialect);
}

const CONFLUENT: string = '@confluentinc/kafka-javascript';

async function confluentClient(connection: KafkaConnection): Promise<KafkaClient> {
  // by a variable, because the types of the package are not installed with this library
  const { default: confluent } = (await import(CONFLUENT).catch(missing(CONFLUENT))) as {
    default: { KafkaJS: { Kafka: KafkaConstructor } };
  };
  const kafka = new confluent.KafkaJS.Kafka({
    kafkaJS: { ...commonOptions(connection), ...LIMITS, retry: RETRY, logLevel: 0 },
  });
  const dialect: Dialect = {
    producer: ({ maxInFlightRequests, ...options }) => ({
      kafkaJS: { ...options, acks: -1 },
      partitioner: 'murmur2_random',
      'max.in.flight': maxInFlightRequests,
    }),
    consumer: ({ group, fromBeginning, sessionTimeout }) => ({
      kafkaJS: { groupId: group, fromBeginning, sessionTimeout, allowAutoTopicCreation: false, autoCommit: false },
    }),
    subscription: () => ({}),
    run: () => ({ eachBatchAutoResolve: false }),
    send: {},
    topics: {},
    // librdkafka takes the group from a consumer, which need not be subscribed
    offsetsOf: async (group) => {
      const consumer = kafka.consumer({ kafkaJS: { groupId: group, autoCommit: false } });
      await consumer.connect();
      return { consumer };
    },
  };
  return clientOf(kafka, dialect);
}

function commonOptions({
  brokers,
  tls = false,
  sasl,
  clientId = 'flotilla',
}: KafkaConnection): Record<string, unknown> {
  return { clientId, brokers: [...brokers], ssl: tls, ...(sasl !== undefined && { sasl }) };
}

function missing(name: string): (cause: unknown) => never {
  return (cause) => {
    throw new FlotillaError('kafka.client_missing', `npm install ${name}`, { cause });
  };
}
