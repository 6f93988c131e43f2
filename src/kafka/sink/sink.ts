import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { runAsLeader } from '../../store/leases/leader-loop.js';
import type { Store } from '../../store/store.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { KafkaClient } from '../client/kafka-client.js';
import { kafkaError } from '../client/kafka-error.js';
import { positionsTopic } from '../topics/plan-topics.js';
import { topicOf, type TopicRoutes } from '../topics/topic-routes.js';
import type { RecordKey } from './records.js';
import { sinkGroup } from './sink-position.js';
import { SinkSession } from './sink-session.js';

export interface SinkOptions {
  store: Store;
  client: KafkaClient;
  definitions: Definitions;
  /** The topics of the events. Types without a topic are not published. */
  routes: TopicRoutes;
  /** Prefix of the names of groups, transactional ids and the topic of the positions. @default '' */
  prefix?: string;
  /** @default 'subject' */
  key?: RecordKey;
  /** Identifies this process as the holder of the lease; unique among all processes. */
  instance: string;
  /** Maximum number of events in one request to Kafka; a transaction has up to ten of them. @default 1000 */
  batchSize?: number;
  /** Milliseconds after which another process takes over from a holder that has vanished. @default 5000 */
  leaseTtl?: number;
  logger?: Logger;
  metrics?: Metrics;
}

export interface SinkState {
  /** `publishing`: this process leads. `standby`: another process leads, or this one has not begun. */
  status: 'publishing' | 'standby';
  /** Positions between the end of the store and the last published one, as of the last measurement. */
  lag: number;
  /** The failure that the sink currently retries. */
  failure: FlotillaError | undefined;
}

/** Publishes the events of a store to Kafka. */
export interface Sink {
  state: () => SinkState;
  /**
   * Publishes stored events, each exactly once for readers of committed records and in order for each subject, until
   * `signal` aborts and the transaction in progress has ended. Safe to run in several processes: only the holder of the
   * lease publishes, and Kafka fences a former holder. Failures are retried without a limit, with delays up to 5 s.
   * Rejects with `store.closed` if the store is closed while it runs.
   */
  run: (signal: AbortSignal) => Promise<void>;
}

/** The name of the lease of the process that publishes. */
export const SINK_LEASE = 'kafka-sink';

/** Creates the sink of a store; `run` starts it. Its topics must exist: see `applyTopics`. */
export function createSink(options: SinkOptions): Sink {
  const { store, client, definitions, routes, prefix = '', key = 'subject', instance, batchSize = 1_000 } = options;
  const { leaseTtl = 5_000, logger = silentLogger(), metrics } = options;
  const { service } = store;
  metrics?.kafkaPublished.inc({ service }, 0);
  const state: SinkState = { status: 'standby', lag: 0, failure: undefined };
  const session = {
    store,
    client,
    place: { group: sinkGroup(prefix, service), topic: positionsTopic(prefix) },
    topicOf: topicOf(routes, definitions),
    key,
    batchSize,
    onPublished: (records: number) => {
      state.failure = undefined;
      metrics?.kafkaPublished.inc({ service }, records);
    },
    onPosition: (head: number, position: number) => {
      state.lag = Math.max(0, head - position);
      if (state.lag === 0) state.failure = undefined;
      metrics?.kafkaSinkLag.set({ service }, state.lag);
    },
  };
  return {
    state: () => ({ ...state }),
    async run(signal) {
      const leader = { store, name: SINK_LEASE, holder: instance, ttl: leaseTtl, locked: true, logger, signal };
      const failure = await runAsLeader(leader, async (lease, leading) => {
        state.status = 'publishing';
        try {
          await SinkSession.run(session, lease, leading);
        } catch (error) {
          state.failure = error instanceof FlotillaError ? error : kafkaError(error);
          metrics?.kafkaFailures.inc({ part: `sink:${service}`, code: state.failure.code });
          throw error;
        } finally {
          state.status = 'standby';
          state.lag = 0; // the process that leads reports it
          metrics?.kafkaSinkLag.set({ service }, 0);
        }
      });
      if (failure !== undefined) throw failure;
    },
  };
}
