import type { StreamEntry } from '../broker/contract.js';
import type { FlotillaError } from '../errors.js';
import type { Store, Tx } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { LogBreak } from './place.js';

/** The stores of a fleet's services, where the history is that the log does not have any more. */
export interface History {
  /** Every service of the fleet. */
  readonly services: readonly string[];
  /** The store of one; undefined where it is out of reach from here. Rejects where it is here and does not open. It is
   *  closed by whoever gave the history. */
  open(service: string): Promise<Pick<Store, 'readAll' | 'head' | 'event'> | undefined>;
}

/** A portion of the log as somebody takes it. */
export interface Taken {
  /** How many entries were passed over, as they are nothing that can be taken. */
  passedOver: number;
  /** Runs in the transaction that also moves the place in the log. */
  commit: (tx: Tx) => Promise<void>;
}

export interface BesideOptions {
  history: History;
  /** Resolves when the log was found broken since it was last asked, or after so many milliseconds. */
  broken: (timeout: number) => Promise<void>;
  logger: Logger;
  /** To be told of a store that lacks events which the log has had, once each time. */
  onStoreBehind: (service: string, events: number, error: FlotillaError) => void;
  /** Aborts when it is another process's turn. */
  signal: AbortSignal;
}

/** What takes the log as it is, in portions, events and whatever else lies there. */
export interface LogTaker {
  /** Makes its tables. */
  prepare: (store: Store) => Promise<void>;
  take: (entries: readonly StreamEntry[]) => Taken;
  /** The log is not what it was: remembered before anything that comes after the break is taken. */
  broken: (tx: Tx, broken: LogBreak) => Promise<void>;
  /** Reading goes on where it was, and the broker may have lost what it had confirmed behind that. */
  resumed: (tx: Tx) => Promise<void>;
  /** Runs in the process that takes, beside the taking. Ends when the signal aborts; where it throws, it is begun again. */
  beside: (store: Store, options: BesideOptions) => Promise<void>;
}
