import type { LeaseHolder } from '../store/leases/lease-holder.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { LogAlarms } from './alarms.js';
import { BEFORE_ALL } from './place.js';
import { runAsLeader } from '../store/leases/leader-loop.js';

/** How a reader of the log stands. */
export interface LogState {
  /** `reading`: it is this process's turn. `standby`: another replica reads. `starting`: it is not known yet. */
  turn: 'starting' | 'reading' | 'standby';
  /** The offset up to which it is done; -1 before the first. */
  offset: number;
  /** What it found broken since the process began, the latest ones. */
  alarms: readonly string[];
}

export interface ByTurnsOptions {
  store: Store;
  /** Whose place in the log it is. */
  worker: string;
  instance: string;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds. @default 5000 */
  leaseTtl?: number | undefined;
}

/** What a turn is given. */
export interface LogTurn {
  held: LeaseHolder;
  /** Aborts when the turn is over. */
  signal: AbortSignal;
  alarms: LogAlarms;
  /** To be told the offset up to which all is done. */
  onPlace: (offset: number) => void;
}

/** Does the work of a reader of the log in one of the processes that try, and knows how it stands. */
export function readByTurns(
  { store, worker, instance, logger, metrics, leaseTtl = 5_000 }: ByTurnsOptions,
  work: (turn: LogTurn) => Promise<void>,
): { state: () => LogState; stop: () => Promise<void> } {
  const ending = new AbortController();
  const alarms = new LogAlarms(worker, logger, metrics);
  const state: LogState = { turn: 'starting', offset: BEFORE_ALL.offset, alarms: alarms.raised };
  const onStandby = () => {
    state.turn = 'standby';
  };
  const onPlace = (offset: number) => {
    state.turn = 'reading';
    state.offset = offset;
  };
  const running = runAsLeader(
    { store, name: `log:${worker}`, holder: instance, ttl: leaseTtl, logger, onStandby, signal: ending.signal },
    (held, signal) => work({ held, signal, alarms, onPlace }),
  );
  return {
    state: () => ({ ...state }),
    async stop() {
      ending.abort();
      await running;
    },
  };
}
