import { systemClock, type Clock } from '../../concurrency/clock.js';
import { FlotillaError } from '../../errors.js';
import { derivedId, type DeriveId } from '../../events/ids.js';
import { runAsLeader } from '../../store/leases/leader-loop.js';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import type { Store } from '../../store/store.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import { createMetrics, type Metrics } from '../../telemetry/metrics.js';
import { versionName, windowsDefinitionOf, type Windows, type WindowsDefinition } from '../../windows/definition.js';
import { Failures } from '../../windows/engine/failures.js';
import { WindowsMetrics } from '../../windows/reader/windows-metrics.js';
import { prepareWindows } from '../../windows/state/windows-table.js';
import type { KafkaClient } from '../client/kafka-client.js';
import { kafkaError } from '../client/kafka-error.js';
import { LagGauge } from '../source/lag-gauge.js';
import { migrateKafkaTables } from '../source/offset-table.js';
import { TopicReader } from '../source/topic-reader.js';
import { withAdmin } from '../topics/plan-topics.js';
import { windowsGroup } from './windows-group.js';
import { TopicWindowsSession } from './windows-session.js';

export interface TopicWindowsOptions {
  windows: Windows;
  /** Contains the state, the offsets and the results. */
  store: Store;
  client: KafkaClient;
  topics: readonly string[];
  /** Prefix of the name of the group. @default '' */
  prefix?: string;
  /** Identifies this process as the holder of the lease; unique among all processes. */
  instance: string;
  deriveId?: DeriveId;
  /** Milliseconds after which another process takes over from a holder that has vanished. @default 5000 */
  leaseTtl?: number;
  /** Milliseconds after which the group no longer counts a process that has vanished. @default 10000 */
  sessionTimeout?: number;
  clock?: Clock;
  logger?: Logger;
  metrics?: Metrics;
}

export interface TopicWindowsState {
  /** `reading`: this process leads. `standby`: another process leads, or this one has not begun. */
  status: 'reading' | 'standby';
  /** Milliseconds since the epoch; undefined before the first event and in a standby. */
  watermark: number | undefined;
  /** Records behind the partitions, as of their last batch. */
  lag: number;
  /** The failure that is currently retried. */
  failure: FlotillaError | undefined;
}

/** A window computation over topics of Kafka. */
export interface TopicWindows {
  state: () => TopicWindowsState;
  /**
   * Reads the topics from their beginning and appends the results to the store until `signal` aborts. State, watermark,
   * results and offsets change in one transaction, so that each record takes effect once. The watermark is the minimum
   * over the partitions; one that is not read to its end is never idle. A record that is no event is refused, and an
   * event of another type skipped. Safe to run in several processes: the holder of a lease reads all partitions. Failures
   * are retried without a limit. Rejects with `store.closed`, and with `windows.changed` if the definition was changed
   * without a new version.
   */
  run: (signal: AbortSignal) => Promise<void>;
}

/** Records in one call of the processor, which writes several transactions if windows are closed. */
const PART_SIZE = 5_000;

/** The name of the lease of the process that computes a version. */
export function topicWindowsLease(version: Pick<WindowsDefinition, 'name' | 'version'>): string {
  return `kafka-${versionName(version)}`;
}

/** Creates a window computation over topics; `run` starts it. A sink of the same store publishes its results. */
export function createTopicWindows(options: TopicWindowsOptions): TopicWindows {
  const { store, client, topics, prefix = '', instance, deriveId = derivedId, clock = systemClock } = options;
  const { leaseTtl: ttl = 5_000, sessionTimeout, logger = silentLogger(), metrics = createMetrics() } = options;
  const definition = windowsDefinitionOf(options.windows);
  const { name } = definition;
  const part = `windows:${name}`;
  const counts = new WindowsMetrics(name, metrics);
  const failures = new Failures();
  const lag = new LagGauge(part, metrics);
  let session: TopicWindowsSession | undefined;
  let failure: FlotillaError | undefined;
  const failed = (error: unknown) => {
    failure = error instanceof FlotillaError ? error : kafkaError(error);
    metrics.kafkaFailures.inc({ part, code: failure.code });
  };

  const lead = async (lease: LeaseHolder, leading: AbortSignal, admin: Parameters<TopicWindowsSession['open']>[0]) => {
    const context = { definition, store, topics, deriveId, clock };
    const current = new TopicWindowsSession(context, counts, failures, lease);
    session = current;
    await current.open(admin);
    const reader = new TopicReader({
      ...{ store, client, topics, sessionTimeout, logger, from: 'beginning', partSize: PART_SIZE },
      ...{ group: windowsGroup(prefix, definition), consumer: versionName(definition) },
      process: (records) => current.process(records),
      onSkipped: (...skipped) => current.skip(...skipped),
      onProcessed: (_, at, behind) => lag.set(at, behind),
      onRebalance: () => lag.clear(),
      onLost: (records) => metrics.kafkaRecordsLost.inc({ source: part }, records),
      onFailure: (error) => (error === undefined ? (failure = undefined) : failed(error)),
    });
    const over = new AbortController();
    const signal = AbortSignal.any([leading, over.signal]);
    const end = () => over.abort();
    await Promise.all([reader.run(signal).finally(end), current.closeUntil(signal, admin).finally(end)]);
  };

  return {
    state() {
      const watermark = session?.engine?.watermark.value;
      const value = watermark !== undefined && Number.isFinite(watermark) ? watermark : undefined;
      return { status: session === undefined ? 'standby' : 'reading', watermark: value, lag: lag.total, failure };
    },
    async run(signal) {
      await prepareWindows(store, definition, clock.now());
      await migrateKafkaTables(store);
      const leader = { store, name: topicWindowsLease(definition), holder: instance, ttl, locked: true, logger };
      const gone = await runAsLeader({ ...leader, signal }, async (lease, leading) => {
        try {
          await withAdmin(client, (admin) => lead(lease, leading, admin));
        } catch (error) {
          failed(error);
          throw error;
        } finally {
          session = undefined;
          lag.clear();
          counts.ended();
        }
      });
      if (gone !== undefined) throw gone;
    },
  };
}
