import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { droppedLogLines } from './log-output.js';

/** Every metric of a process, in a registry of its own. Durations in seconds, as Prometheus has it. */
export function createMetrics(options: { process?: boolean } = {}) {
  const registry = new Registry();
  const registers = [registry];
  if (options.process === true) {
    collectDefaultMetrics({ register: registry });
    new Counter({
      name: 'flotilla_log_lines_dropped_total',
      help: 'Log lines that could not be written to standard error: its disk is full, or its reader has gone',
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
      help: 'Deliveries by what became of them',
      labelNames: ['worker', 'outcome'] as const,
      registers,
    }),
    handlerSeconds: new Histogram({
      name: 'flotilla_handler_seconds',
      help: 'From the delivery to the end of the handler',
      labelNames: ['worker'] as const,
      buckets: seconds,
      registers,
    }),
    inHand: new Gauge({
      name: 'flotilla_messages_in_hand',
      help: 'Deliveries not settled yet',
      labelNames: ['worker'] as const,
      registers,
    }),
    handlersOverdue: new Gauge({
      name: 'flotilla_handlers_overdue',
      help: 'Handlers that are over their timeout, have not returned, and hold the slot of their delivery',
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
      help: 'Messages sent to the dead letters, by error code',
      labelNames: ['worker', 'code'] as const,
      registers,
    }),
    topologyRecreated: new Counter({
      name: 'flotilla_topology_recreated_total',
      help: 'Exchanges and queues that were missing at run time and have been declared again',
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
      help: 'Events refused by the broker (broker.nacked), and times the relay published again from the lowest unconfirmed event',
      labelNames: ['service', 'code'] as const,
      registers,
    }),
    relayLag: new Gauge({
      name: 'flotilla_relay_lag_events',
      help: 'Stored events not confirmed yet',
      labelNames: ['service'] as const,
      registers,
    }),
    storeLostEvents: new Gauge({
      name: 'flotilla_store_lost_events',
      help: 'Events that the journal has and the store of the service lacks, as an older copy was restored; as of the latest such finding',
      labelNames: ['service'] as const,
      registers,
    }),
    leaseVacant: new Gauge({
      name: 'flotilla_lease_vacant_seconds',
      help: 'For how long no process has held a lease that this one competes for: relay and timers, projections, readers of the log; 0 while it has a holder',
      labelNames: ['service', 'lease'] as const,
      registers,
    }),
    storeFailing: new Gauge({
      name: 'flotilla_store_failing',
      help: '1 while commits fail, or while another process keeps the write lock',
      labelNames: ['service'] as const,
      registers,
    }),
    relayDeferred: new Gauge({
      name: 'flotilla_relay_deferred_events',
      help: 'Events that the broker refuses, and those behind them of the same subject; only of the process that relays',
      labelNames: ['service'] as const,
      registers,
    }),
    projectionLag: new Gauge({
      name: 'flotilla_projection_lag_events',
      help: 'Events of the store that the read model has not taken yet',
      labelNames: ['projection'] as const,
      registers,
    }),
    projectionCheckpoint: new Gauge({
      name: 'flotilla_projection_checkpoint',
      help: 'Position up to which the read model is made',
      labelNames: ['projection'] as const,
      registers,
    }),
    projectionStopped: new Gauge({
      name: 'flotilla_projection_stopped',
      help: '1 while the read model stands still at an event or has to be rebuilt',
      labelNames: ['projection'] as const,
      registers,
    }),
    sagas: new Gauge({
      name: 'flotilla_sagas',
      help: 'Sagas that have not ended, by how they stand; replicas of a worker say the same',
      labelNames: ['saga', 'status'] as const,
      registers,
    }),
    sagasOverdue: new Gauge({
      name: 'flotilla_sagas_overdue',
      help: 'Sagas whose time was over a minute ago, and nothing has followed: their timers do not come through',
      labelNames: ['saga'] as const,
      registers,
    }),
    logOffset: new Gauge({
      name: 'flotilla_log_offset',
      help: 'Offset up to which a reader is done with the log',
      labelNames: ['worker'] as const,
      registers,
    }),
    logGaps: new Counter({
      name: 'flotilla_log_gaps_total',
      help: 'Times that a reader found entries of the log gone (gap), or the log made anew (reset)',
      labelNames: ['worker', 'kind'] as const,
      registers,
    }),
    logPassedOver: new Counter({
      name: 'flotilla_log_passed_over_total',
      help: 'Entries of the log that are no events',
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
      name: 'flotilla_http_seconds',
      help: 'Requests by route and status',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: seconds,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
