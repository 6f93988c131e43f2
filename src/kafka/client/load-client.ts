import { FlotillaError } from '../../errors.js';
import { confluentDialect } from './confluent-dialect.js';
import type { KafkaConnection } from './connection.js';
import type { KafkaClient } from './kafka-client.js';
import { clientOf } from './kafkajs-client.js';
import { kafkajsDialect } from './kafkajs-dialect.js';
import type { KafkaConstructor } from './kafkajs-shape.js';
import { avoidNeedlessTimers } from './kafkajs-timers.js';

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
  return clientOf(kafka, kafkajsDialect({ retry: RETRY }));
}

const CONFLUENT: string = '@confluentinc/kafka-javascript';

async function confluentClient(connection: KafkaConnection): Promise<KafkaClient> {
  // by a variable, because the types of the package are not installed with this library
  const { default: confluent } = (await import(CONFLUENT).catch(missing(CONFLUENT))) as {
    default: { KafkaJS: { Kafka: KafkaConstructor } };
  };
  const kafka = new confluent.KafkaJS.Kafka({
    kafkaJS: { ...commonOptions(connection), ...LIMITS, retry: RETRY, logger: confluentLogger(connection) },
  });
  const client = clientOf(kafka, confluentDialect(kafka));
  return { ...client, admin: () => ({ ...client.admin(), isCompacted: (topic) => askKafkajs(connection, topic) }) };
}

/** Confluent's client does not read the configuration of topics. */
async function askKafkajs(connection: KafkaConnection, topic: string): Promise<boolean> {
  const admin = (await kafkajsClient(connection)).admin();
  try {
    await admin.connect();
    return await admin.isCompacted(topic);
  } finally {
    await admin.disconnect();
  }
}

function commonOptions({
  brokers,
  tls = false,
  sasl,
  clientId = 'flotilla',
}: KafkaConnection): Record<string, unknown> {
  return { clientId, brokers: [...brokers], ssl: tls, ...(sasl !== undefined && { sasl }) };
}

interface ConfluentLogger {
  debug: (message: string) => void;
  info: (message: string) => void;
  warn: (message: string) => void;
  error: (message: string) => void;
  namespace: () => ConfluentLogger;
  setLogLevel: () => void;
}

function confluentLogger({ logger }: KafkaConnection): ConfluentLogger {
  let last = '';
  const log = (message: string) => {
    // while no broker answers, it repeats the same error many times a second
    if (message !== last) logger?.debug(`confluent: ${message}`);
    last = message;
  };
  const ignore = () => undefined;
  const self: ConfluentLogger = {
    ...{ debug: ignore, info: ignore, warn: log, error: log, setLogLevel: ignore },
    namespace: () => self,
  };
  return self;
}

function missing(name: string): (cause: unknown) => never {
  return (cause) => {
    throw new FlotillaError('kafka.client_missing', `npm install ${name}`, { cause });
  };
}
