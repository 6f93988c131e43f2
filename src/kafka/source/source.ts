import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { derivedId, type DeriveId } from '../../events/ids.js';
import type { Store, Tx } from '../../store/store.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { ConsumedRecord, KafkaClient } from '../client/kafka-client.js';
import { adoptEvent, decodeRecord, requireAccepted } from './decode-record.js';
import { eachRecord } from './each-record.js';
import { LagGauge } from './lag-gauge.js';
import type { ConsumedPartition } from './offset-table.js';
import { countRejected, storeRejected } from './rejected.js';
import { TopicReader } from './topic-reader.js';

export interface SourceOptions {
  /** The name of the source; names its consumer group and its offsets in the store. */
  name: string;
  store: Store;
  client: KafkaClient;
  definitions: Definitions;
  topics: readonly string[];
  /** Topic patterns of the types that it accepts. */
  types: readonly string[];
  /** Where it begins to read topics. @default 'beginning' */
  from?: 'beginning' | 'end';
  /** Prefix of the name of the group. @default '' */
  prefix?: string;
  deriveId?: DeriveId;
  /** Milliseconds after which another process takes over from one that has vanished. @default 10000 */
  sessionTimeout?: number;
  /** Rejected records that wait for a decision; beyond, the source pauses. @default 10000 */
  maxRejected?: number;
  clock?: () => number;
  logger?: Logger;
  metrics?: Metrics;
}

export interface SourceState {
  /** Records behind the partitions that this process reads, as of their last batch. */
  lag: number;
  /** The failure that the source currently retries. */
  failure: FlotillaError | undefined;
}

/** Stores records of Kafka as events of a service. */
export interface Source {
  state: () => SourceState;
  /**
   * Reads the topics and appends each event once, in the order of its partition, until `signal` aborts. A record that is
   * no accepted event is stored as rejected and does not stop the others. Several processes may run the same source: Kafka
   * divides the partitions. Failures are retried without a limit. Rejects with `store.closed` if the store is closed.
   */
  run: (signal: AbortSignal) => Promise<void>;
}

/** The consumer group of a source. */
export function sourceGroup(prefix: string, name: string): string {
  return `${prefix}flotilla-source-${name}`;
}

/** Creates a source; `run` starts it. */
export function createSource(options: SourceOptions): Source {
  const { name, store, client, topics, from = 'beginning', prefix = '', logger = silentLogger(), metrics } = options;
  const { maxRejected = 10_000, clock = Date.now } = options;
  const state: Omit<SourceState, 'lag'> = { failure: undefined };
  metrics?.kafkaAppended.inc({ source: name }, 0);
  metrics?.kafkaRecordsLost.inc({ source: name }, 0);
  const lag = new LagGauge(name, metrics);
  let rejectedSoFar = 0;
  const process = async (tx: Tx, at: ConsumedPartition, record: ConsumedRecord) => {
    const problem = await appendRecord(tx, record, options);
    if (problem === undefined) return;
    const waiting = await countRejected(tx.sql, name);
    if (waiting >= maxRejected) throw new FlotillaError('kafka.too_many_rejected', `${waiting} records`);
    const { code, message } = problem;
    await storeRejected(tx, at, record, { code, detail: message, now: clock() });
    metrics?.kafkaRejected.inc({ source: name, code });
    rejectedSoFar += 1;
    const place = { topic: at.topic, partition: at.partition, offset: String(record.offset) };
    // each of the first records, then a sample: a producer may send millions
    if (rejectedSoFar <= 10 || rejectedSoFar % 1000 === 0)
      logger.warn(`${name}: rejected a record of Kafka`, { code, error: message, ...place });
  };
  const reader = new TopicReader({
    store,
    client,
    group: sourceGroup(prefix, name),
    consumer: name,
    topics,
    from,
    process: eachRecord(store, process),
    sessionTimeout: options.sessionTimeout,
    onProcessed: (records, at, behind) => {
      metrics?.kafkaAppended.inc({ source: name }, records);
      lag.set(at, behind);
    },
    onRebalance: () => lag.clear(),
    onLost: (records) => metrics?.kafkaRecordsLost.inc({ source: name }, records),
    onFailure: (error) => {
      state.failure = error;
      if (error !== undefined) metrics?.kafkaFailures.inc({ part: `source:${name}`, code: error.code });
    },
    logger,
  });
  return { state: () => ({ ...state, lag: lag.total }), run: (signal) => reader.run(signal) };
}

/** Appends the event in a record. Resolves with the error if the record has no event that the source accepts. */
export async function appendRecord(
  tx: Tx,
  record: Pick<ConsumedRecord, 'value' | 'timestamp' | 'headers'>,
  {
    definitions,
    types,
    store,
    deriveId = derivedId,
  }: Pick<SourceOptions, 'definitions' | 'types' | 'store' | 'deriveId'>,
): Promise<FlotillaError | undefined> {
  let event;
  try {
    const decoded = decodeRecord(definitions, record);
    requireAccepted(types, definitions, decoded.type);
    event = adoptEvent(decoded, store.service, deriveId);
  } catch (error) {
    if (error instanceof FlotillaError) return error;
    throw error;
  }
  await tx.append(event.subject, 'any', [event]);
  return undefined;
}
