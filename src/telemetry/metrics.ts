import { packages } from '../packages.js';
import { addEventLoopDelay, DELAY_STATISTICS } from './event-loop-delay.js';
import { droppedLogLines } from './log-output.js';

/** The labels of `flotilla_build_info`. */
export interface BuildInfo {
  /** The name of the process: `api`, `keeper`, or its workers joined by `+`. */
  service: string;
  version: string;
  /** The commit of the build; empty if unknown. */
  commit?: string | undefined;
}

export interface MetricsOptions {
  /** Whether to add the metrics of Node.js and of the log. @default false */
  process?: boolean;
  build?: BuildInfo;
}

/** Creates every metric of a process, in a separate registry. Durations in seconds, as Prometheus recommends.
 *  Counters whose labels are known in advance start at 0 when their owner starts, so that `increase()` includes
 *  their first step. */
export function createMetrics(options: MetricsOptions = {}) {
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } = packages.promClient;
  const registry = new Registry();
  const registers = [registry];
  if (options.build !== undefined) {
    const { service, version, commit = '' } = options.build;
    const labelNames = ['service', 'version', 'commit', 'node'] as const;
    new Gauge({ name: 'flotilla_build_info', help: 'What runs in this process; always 1', labelNames, registers }).set(
      { service, version, commit, node: process.versions.node },
      1,
    );
  }
  if (options.process === true) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 3_600_000 });
    for (const name of ['stddev', ...DELAY_STATISTICS])
      registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
    addEventLoopDelay(registry);
    // gauges named like counters; each is only the sum of the gauge without `_total`
    for (const name of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${name}_total`);
    new Counter({
      name: 'flotilla_log_lines_dropped_total',
      help: 'Log lines that could not be written to standard error (disk full, or its reader has gone)',
      registers,
      collect() {
        this.reset();
        this.inc(droppedLogLines());
      },
    });
  }
  const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];
  return {
    registry,
    unsigned: new Counter({
      name: 'flotilla_unsigned_messages_total',
      help: 'Deliveries without a valid signature of the fleet',
      labelNames: ['queue'] as const,
      registers,
    }),
    handled: new Counter({
      name: 'flotilla_messages_total',
      help: 'Deliveries by outcome; outcome "dead": dead-lettered',
      labelNames: ['worker', 'outcome'] as const,
      registers,
    }),
    handlerSeconds: new Histogram({
      name: 'flotilla_handler_duration_seconds',
      help: 'Time from the delivery of a message to the end of its handler',
      labelNames: ['worker'] as const,
      buckets: seconds,
      registers,
    }),
    inFlight: new Gauge({
      name: 'flotilla_messages_in_flight',
      help: 'Unacknowledged messages that the worker processes',
      labelNames: ['worker'] as const,
      registers,
    }),
    handlersOverdue: new Gauge({
      name: 'flotilla_handlers_overdue',
      help: 'Handlers over their timeout that have not returned and occupy the slot of their delivery',
      labelNames: ['worker'] as const,
      registers,
    }),
    handlersAbandoned: new Gauge({
      name: 'flotilla_handlers_abandoned',
      help: 'Handlers that have not returned after three times their timeout; their messages count as failed',
      labelNames: ['worker'] as const,
      registers,
    }),
    breakerState: new Gauge({
      name: 'flotilla_breaker_state',
      help: '0 closed, 1 half-open, 2 open',
      labelNames: ['worker'] as const,
      registers,
    }),
    deadLettered: new Counter({
      name: 'flotilla_dead_letters_total',
      help: 'Dead-lettered messages by error code',
      labelNames: ['worker', 'code'] as const,
      registers,
    }),
    undeclaredEmits: new Counter({
      name: 'flotilla_undeclared_emits_total',
      help: 'Events of a type that their emitter does not declare: refused in workers and routes (worker "api"), published from programs (empty worker)',
      labelNames: ['service', 'worker', 'type'] as const,
      registers,
    }),
    quarantined: new Gauge({
      name: 'flotilla_quarantined',
      help: 'Quarantined messages; reason "behind": they follow one of their subject. Every replica of the worker reports the same number',
      labelNames: ['worker', 'reason', 'type', 'version'] as const,
      registers,
    }),
    quarantinedOldest: new Gauge({
      name: 'flotilla_quarantined_oldest_seconds',
      help: 'How long the oldest quarantined message of the worker has waited; 0 if none does',
      labelNames: ['worker'] as const,
      registers,
    }),
    parked: new Gauge({
      name: 'flotilla_parked_messages',
      help: 'Messages of an ordered worker that wait in its store. Every replica reports the same number',
      labelNames: ['worker'] as const,
      registers,
    }),
    lateInPartition: new Counter({
      name: 'flotilla_late_in_partition_total',
      help: 'Messages of an ordered worker that arrived in an old partition after it had passed, and may be handled out of order',
      labelNames: ['worker'] as const,
      registers,
    }),
    held: new Gauge({
      name: 'flotilla_held_subjects',
      help: 'Subjects of an ordered worker that wait for an operator. Every replica reports the same number',
      labelNames: ['worker'] as const,
      registers,
    }),
    partitionStalled: new Counter({
      name: 'flotilla_partition_stalled_total',
      help: 'Times that the queue of a partition had messages and delivered none, so that its channel was replaced',
      labelNames: ['worker', 'queue'] as const,
      registers,
    }),
    changeInterrupted: new Gauge({
      name: 'flotilla_partition_change_interrupted',
      help: '1 while a change of the number of partitions of an ordered worker is interrupted: no command continues it. Every replica reports the same number',
      labelNames: ['worker'] as const,
      registers,
    }),
    hotSubject: new Gauge({
      name: 'flotilla_partition_hot_subject_ratio',
      help: 'The part of the messages of a partition in the last two minutes that its most frequent subject has; 0 below 100 messages',
      labelNames: ['worker', 'queue'] as const,
      registers,
    }),
    topologyRecreated: new Counter({
      name: 'flotilla_topology_recreated_total',
      help: 'Exchanges, queues and bindings that were missing at run time and have been declared again',
      labelNames: ['kind'] as const,
      registers,
    }),
    relayPublished: new Counter({
      name: 'flotilla_relay_published_total',
      help: 'Events confirmed by the broker',
      labelNames: ['service'] as const,
      registers,
    }),
    relayFailures: new Counter({
      name: 'flotilla_relay_failures_total',
      help: 'Publishes that failed, by error code',
      labelNames: ['service', 'code'] as const,
      registers,
    }),
    relayLag: new Gauge({
      name: 'flotilla_relay_lag_events',
      help: 'Stored events that the broker has not confirmed yet',
      labelNames: ['service'] as const,
      registers,
    }),
    relayWaiting: new Gauge({
      name: 'flotilla_relay_waiting_seconds',
      help: 'How long the oldest stored event has waited for the confirm of the broker; 0 if none waits',
      labelNames: ['service'] as const,
      registers,
    }),
    kafkaPublished: new Counter({
      name: 'flotilla_kafka_published_total',
      help: 'Events of a store committed in Kafka',
      labelNames: ['service'] as const,
      registers,
    }),
    kafkaSinkLag: new Gauge({
      name: 'flotilla_kafka_sink_lag_positions',
      help: 'Positions between the end of the store and the last one committed in Kafka',
      labelNames: ['service'] as const,
      registers,
    }),
    kafkaFailures: new Counter({
      name: 'flotilla_kafka_failures_total',
      help: 'Failures of sinks, sources and windows over topics, by error code',
      labelNames: ['part', 'code'] as const,
      registers,
    }),
    kafkaAppended: new Counter({
      name: 'flotilla_kafka_appended_total',
      help: 'Records of Kafka stored as events',
      labelNames: ['source'] as const,
      registers,
    }),
    kafkaRejected: new Counter({
      name: 'flotilla_kafka_rejected_total',
      help: 'Records of Kafka stored as rejected, by error code',
      labelNames: ['source', 'code'] as const,
      registers,
    }),
    kafkaSourceLag: new Gauge({
      name: 'flotilla_kafka_source_lag_records',
      help: 'Records of a partition behind the last one that a source or windows (windows:<name>) read',
      labelNames: ['source', 'topic', 'partition'] as const,
      registers,
    }),
    kafkaRecordsLost: new Counter({
      name: 'flotilla_kafka_records_lost_total',
      help: 'Records that Kafka deleted before a source or windows read them',
      labelNames: ['source'] as const,
      registers,
    }),
    storeLostEvents: new Gauge({
      name: 'flotilla_store_lost_events',
      help: 'Events that the journal has and the store of the service lacks, because an older copy was restored',
      labelNames: ['service'] as const,
      registers,
    }),
    leaseVacant: new Gauge({
      name: 'flotilla_lease_vacant_seconds',
      help: 'How long no process has held a lease that this one competes for (relay and timers, projections, log readers); 0 while it is held',
      labelNames: ['service', 'lease'] as const,
      registers,
    }),
    storeCommits: new Counter({
      name: 'flotilla_store_commits_total',
      help: 'Transactions committed to the store',
      labelNames: ['service'] as const,
      registers,
    }),
    storeSyncs: new Counter({
      name: 'flotilla_store_syncs_total',
      help: 'Syncs of the store to disk. One sync makes several transactions durable; a reader of new data needs one too',
      labelNames: ['service'] as const,
      registers,
    }),
    storeFailing: new Gauge({
      name: 'flotilla_store_failing',
      help: '1 while commits fail or another process holds the write lock',
      labelNames: ['service'] as const,
      registers,
    }),
    relayDeferred: new Gauge({
      name: 'flotilla_relay_deferred_events',
      help: 'Events that the broker refuses and those behind them of the same subject; reported by the process that relays',
      labelNames: ['service'] as const,
      registers,
    }),
    projectionLag: new Gauge({
      name: 'flotilla_projection_lag_events',
      help: 'Events of the store that are not in the read model yet',
      labelNames: ['projection'] as const,
      registers,
    }),
    projectionCheckpoint: new Gauge({
      name: 'flotilla_projection_checkpoint',
      help: 'Position up to which events are in the read model',
      labelNames: ['projection'] as const,
      registers,
    }),
    projectionStopped: new Gauge({
      name: 'flotilla_projection_stopped',
      help: '1 while the read model is stopped at an event or has to be rebuilt',
      labelNames: ['projection'] as const,
      registers,
    }),
    sagas: new Gauge({
      name: 'flotilla_sagas',
      help: 'Sagas that have not ended, by status; every replica of the worker reports the same number',
      labelNames: ['saga', 'status'] as const,
      registers,
    }),
    sagasOverdue: new Gauge({
      name: 'flotilla_sagas_overdue',
      help: 'Sagas whose timer was due over a minute ago and has not arrived',
      labelNames: ['saga'] as const,
      registers,
    }),
    windowLate: new Counter({
      name: 'flotilla_window_late_total',
      help: 'Events that arrived after their window had been closed, by outcome; outcome "refused": events without usable data, key or time',
      labelNames: ['window', 'outcome'] as const,
      registers,
    }),
    windowLateness: new Histogram({
      name: 'flotilla_window_lateness_seconds',
      help: 'By how much late events missed the grace period of their window',
      labelNames: ['window'] as const,
      buckets: [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400],
      registers,
    }),
    windowResults: new Counter({
      name: 'flotilla_window_results_total',
      help: 'Emitted results; kind "correction": of a closed window, again',
      labelNames: ['window', 'kind'] as const,
      registers,
    }),
    windowEvents: new Counter({
      name: 'flotilla_window_events_total',
      help: 'Events of a window definition that were read, with late and refused ones',
      labelNames: ['window'] as const,
      registers,
    }),
    windowOverdue: new Gauge({
      name: 'flotilla_window_overdue_seconds',
      help: 'How long ago the wall clock would have closed the oldest open window, if all events had been read and every source were idle; 0 if none is due',
      labelNames: ['window'] as const,
      registers,
    }),
    windowDelay: new Gauge({
      name: 'flotilla_window_watermark_delay_seconds',
      help: 'How far the watermark is behind the wall clock; reported by the process that computes the windows',
      labelNames: ['window'] as const,
      registers,
    }),
    logOffset: new Gauge({
      name: 'flotilla_log_offset',
      help: 'Offset up to which the worker has read the log',
      labelNames: ['worker'] as const,
      registers,
    }),
    logGaps: new Counter({
      name: 'flotilla_log_gaps_total',
      help: 'Times that a log reader found unread entries gone (gap), the log recreated (reset), or a store behind the log (store)',
      labelNames: ['worker', 'kind'] as const,
      registers,
    }),
    logPassedOver: new Counter({
      name: 'flotilla_log_passed_over_total',
      help: 'Entries of the log that are not events',
      labelNames: ['worker'] as const,
      registers,
    }),
    brokerState: new Gauge({
      name: 'flotilla_broker_state',
      help: '0 connecting, 1 ready, 2 blocked, 3 closed',
      labelNames: ['connection'] as const,
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'flotilla_http_request_duration_seconds',
      help: 'Duration of HTTP requests; route "unmatched": no such route',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: seconds,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
