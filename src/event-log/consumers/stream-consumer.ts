import type { Broker } from '../../broker/broker.js';
import { runAsLeader } from '../../store/leases/leader-loop.js';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import type { Store, Tx } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { LogAlarms } from './log-alarms.js';
import { logCheckpoint, migrateLogCheckpoints, moveLogCheckpoint } from '../positions/checkpoint-table.js';
import { followVerified, type FollowVerifiedOptions, type LogPart } from '../reading/follow-verified.js';
import { BEFORE_FIRST, type LogPosition } from '../positions/position.js';

export interface StreamConsumerOptions {
  store: Store;
  broker: Broker;
  /** The name of the stream `events.log`. */
  stream: string;
  /** The worker that owns the checkpoint. */
  worker: string;
  /** Identifies this process; unique among all processes. */
  instance: string;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds after which another replica takes over from one that has vanished. @default 5000 */
  leaseTtl?: number | undefined;
  /** See `followVerified`. */
  patience?: number;
}

export interface StreamConsumerState {
  /** `reading`: this process leads. `standby`: another replica leads. `starting`: not known yet. */
  status: 'starting' | 'reading' | 'standby';
  /** The offset of the checkpoint; -1 before the first entry. */
  offset: number;
  /** The latest breaks of the stream that this process found. */
  alarms: readonly string[];
}

export interface StreamConsumer {
  state: () => StreamConsumerState;
  /** Ends the session and releases the lease, so that another replica takes over immediately. */
  stop: () => Promise<void>;
}

/** The name of the lease of the process that consumes the stream for the worker. */
export function streamLease(worker: string): string {
  return `log:${worker}`;
}

/** Consumes the stream from the worker's checkpoint, in one process at a time: the holder of the lease
 *  `log:<worker>` runs a session; the others stand by. A session that throws is repeated after a delay. */
export function consumeStream(
  options: StreamConsumerOptions,
  runSession: (session: ConsumerSession) => Promise<void>,
): StreamConsumer {
  const { store, worker, instance, logger, metrics, leaseTtl = 5_000 } = options;
  const ending = new AbortController();
  const alarms = new LogAlarms(worker, logger, metrics);
  const state: StreamConsumerState = { status: 'starting', offset: BEFORE_FIRST.offset, alarms: alarms.raised };
  const onStandby = () => {
    state.status = 'standby';
  };
  const running = runAsLeader(
    { store, name: streamLease(worker), holder: instance, ttl: leaseTtl, logger, onStandby, signal: ending.signal },
    async (lease, signal) => {
      const session = new ConsumerSession(options, lease, signal, alarms, state);
      await session.loadCheckpoint();
      await runSession(session);
    },
  );
  return {
    state: () => ({ ...state }),
    async stop() {
      ending.abort();
      await running;
    },
  };
}

/** One session of a process as the leader: the checkpoint, and the entries that follow it. */
export class ConsumerSession {
  #checkpoint: LogPosition | undefined;

  constructor(
    private readonly options: StreamConsumerOptions,
    private readonly lease: LeaseHolder,
    /** Aborts when the session ends. */
    readonly signal: AbortSignal,
    readonly alarms: LogAlarms,
    private readonly state: StreamConsumerState,
  ) {}

  /** The stored position up to which every entry is processed; undefined for a new consumer. */
  get checkpoint(): LogPosition | undefined {
    return this.#checkpoint;
  }

  /** Whether this process still leads. Reads the clock, because a suspended process runs no timers. */
  isLeading(): boolean {
    return this.lease.check();
  }

  async loadCheckpoint(): Promise<void> {
    const { store, worker } = this.options;
    await migrateLogCheckpoints(store);
    this.#checkpoint = await logCheckpoint(store.query, worker);
  }

  /** Yields the entries after a position, verified to continue from it, until the session ends or `signal` aborts. */
  follow(
    options: Pick<FollowVerifiedOptions, 'from' | 'batchSize' | 'gather'> &
      Partial<Pick<FollowVerifiedOptions, 'signal'>>,
  ): AsyncGenerator<LogPart, void> {
    const { broker, stream, patience } = this.options;
    const { signal } = options;
    return followVerified(broker, stream, {
      ...options,
      signal: signal === undefined ? this.signal : AbortSignal.any([this.signal, signal]),
      ...(patience !== undefined && { patience }),
    });
  }

  /** Moves the checkpoint, in one transaction with `write`. If another process has moved it, nothing is written and
   *  the session ends. */
  async moveCheckpoint(to: LogPosition, write?: (tx: Tx) => Promise<void>): Promise<void> {
    const { store, worker } = this.options;
    const from = this.#checkpoint;
    const moved = await store.transaction(async (tx) => {
      if (!(await moveLogCheckpoint(tx.sql, worker, from, to))) return false;
      await write?.(tx);
      return true;
    });
    if (!moved) {
      this.lease.lose();
      return;
    }
    this.#checkpoint = to;
    this.reportOffset(to);
  }

  reportOffset({ offset }: LogPosition): void {
    this.state.status = 'reading';
    this.state.offset = offset;
    this.options.metrics.logOffset.set({ worker: this.options.worker }, offset);
  }
}
