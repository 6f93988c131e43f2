import type { ErrorCode } from '../errors.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import type { VacantLease } from './leases/lease-ledger.js';
import type { PendingChange } from './pending-change.js';
import type { StoredEvent } from './stored-event.js';

/** The expected version of a stream. `'none'`: no stream yet; `'any'`: no check; a number: exactly that version. */
export type ExpectedVersion = 'none' | 'any' | number;

/** An SQL parameter or result, the same in every engine. Booleans are 0 and 1, times are text or milliseconds. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** Runs SQL by tagged template: an interpolated value is always a parameter, never text. Resolves with the rows;
 *  none for a statement without a result. Only the subset that SQLite and PostgreSQL share. */
export type Sql = <Row extends object = Record<string, SqlValue>>(
  text: TemplateStringsArray,
  ...values: SqlValue[]
) => Promise<Row[]>;

/** The key of an inbox row: one consumer's handling of one event. */
export interface InboxKey {
  consumer: string;
  source: string;
  id: string;
}

/** A timer: an event to append once `dueAt` has passed, with an id derived from `id`. */
export interface Timer {
  id: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  /** The event to append; its `time` becomes `dueAt`. */
  event: UnsequencedEvent;
}

/** The result of an append. */
export interface AppendResult {
  /** The stream's version after the append. */
  version: number;
  /** The number of new events: those whose id was stored already are skipped. */
  appended: number;
}

/** The state of an aggregate at a version of its stream. An optimization only: without a snapshot of the right
 *  shape, the stream is read from the beginning. */
export interface Snapshot {
  /** It contains the stream's events up to this version. */
  version: number;
  /** The version of the state's format. A snapshot of another shape is ignored. */
  shape: number;
  /** JSON. */
  state: unknown;
}

/** Metadata of a stream. */
export interface StreamMetadata {
  /** Which events may be archived: all but the newest `keep`, except those younger than `olderThan` milliseconds.
   *  Nothing is ever deleted. */
  retention?: { keep: number; olderThan?: number };
  /** Free-form notes. */
  notes?: Readonly<Record<string, string>>;
}

/** The result of `archive`. */
export interface Archived {
  /** The number of events moved by this call. */
  moved: number;
  /** The stream's events up to and including this version are archived; 0 for none. */
  through: number;
}

/** A serializable transaction. Its work may await only these methods (otherwise `store.write_awaited`) and may run
 *  more than once. */
export interface Tx {
  sql: Sql;
  /** Appends events to a stream; those whose id is already stored are skipped. Rejects with `store.conflict`, a
   *  `ConflictError` with the current version, when the stream is not at the expected version. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** Returns the stream's events after version `after`, at most `limit` (default: all of them). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** Returns the event with this id; undefined if it does not exist. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** Returns the snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** Replaces the stream's snapshot: always one of an older shape, otherwise only one of an earlier version. */
  saveSnapshot(stream: string, snapshot: Snapshot): Promise<void>;
  checkpoint(name: string): Promise<number>;
  /** Writes the inbox row; false if it exists, because the event has been handled. */
  markHandled(key: InboxKey): Promise<boolean>;
  /** Deletes the inbox rows and starts of a consumer, for every source, so that it handles every event again.
   *  Returns the number of events that it had handled. */
  forgetHandled(consumer: string): Promise<number>;
  /** Stores a timer; an existing one with the same id stays unchanged. */
  schedule(timer: Timer): Promise<void>;
  /** Deletes a timer; false if it does not exist. */
  cancelTimer(id: string): Promise<boolean>;
  /** Moves a checkpoint from `from` to `to`; false, without a change, when it is not at `from`. New ones are at 0. */
  moveCheckpoint(name: string, from: number, to: number): Promise<boolean>;
  /** Calls the listeners of `Store.onNotify` after the commit. */
  notify(topic: string): Promise<void>;
}

/** Exclusive leadership for a limited time. The epoch rises with every change of holder, so that writes of a former
 *  holder can be refused. */
export interface Lease {
  name: string;
  holder: string;
  epoch: number;
}

/** The lock of a lease. The operating system releases it when the process ends, also after kill -9. */
export interface LeaseLock {
  /** The last holder of the lease that also had this lock, and therefore has ended. */
  readonly previous: string | undefined;
  /** Records that this process holds the lease. */
  record(holder: string): void;
  release(): void;
}

/** Selects the events that `readAll` returns; all conditions must hold. */
export interface ReadFilter {
  /** A type, a topic pattern, or a list of them. */
  type?: string | readonly string[];
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
}

/** Options of a change of the store. */
export interface ChangeOptions {
  /** Becomes this change: it tells when the change is committed, and other changes can depend on it. */
  change?: PendingChange | undefined;
  /** An earlier change of the same `Store`. This one is committed after it or together with it. It is rejected with
   *  `store.predecessor_failed` if the earlier one is rolled back. */
  after?: PendingChange | undefined;
}

/** The store of one service: its events, inbox, checkpoints, timers, leases and tables. Several processes may open
 *  the same store. When the promise of a change resolves, the change is durable; so is the data that a read resolves
 *  with. Leases, checkpoints of a lease and starts of messages are an exception: they survive the end of a process,
 *  but not a power failure, after which nothing depends on them. */
export interface Store {
  /** The name of the service; the `source` of its events. */
  readonly service: string;
  /** A UUID that is created with the store and never changes: the same in every process and in a restored backup. */
  readonly id: string;
  /** Appends events, committed together with other waiting writes. Errors as for `Tx.append`. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** Runs `work` in a transaction that it shares with other waiting writes, behind a separate savepoint: if it
   *  throws, only its own writes are rolled back, and the promise rejects. Resolves when the transaction is
   *  committed. Rejects with `store.overloaded` when too many writes are waiting. */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: ChangeOptions): Promise<T>;
  /** Returns the stream's events after version `after`, at most `limit` (default 1,000). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** Returns events after the global position `after` in the order of positions, at most `limit` (default 1,000),
   *  archived ones included. The cost of reading page by page is proportional to the number of matching events.
   *  Returns no events if `until` is before `since`; rejects with a `RangeError` for an invalid time. */
  readAll(after: number, limit?: number, filter?: ReadFilter): Promise<StoredEvent[]>;
  /** Returns the event with this id, archived or not; undefined if it does not exist. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** Returns the snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** Returns the metadata of a stream; undefined if none was set. */
  streamMetadata(stream: string): Promise<StreamMetadata | undefined>;
  /** Replaces the metadata of a stream. Rejects with a `RangeError` for an invalid retention. */
  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void>;
  /**
   * Moves the events of a stream up to the version `through` to the archive: they are written and synced there first,
   * then deleted from the store; after an interruption, the next call completes the move. `read` and `readAll` still
   * return them, more slowly. The last event of a stream stays, and so do unpublished events (after the checkpoint
   * `relay`). Calls that need a missing archive reject with `store.archive_missing`; appends need none.
   */
  archive(stream: string, through: number): Promise<Archived>;
  /** Archives events according to the retention of their streams; `now` in milliseconds since the epoch. Returns how
   *  many. */
  applyRetention(now: number): Promise<number>;
  /** Returns the highest position; 0 for a store without events. */
  head(): Promise<number>;
  /** Reads committed data, outside of any transaction. */
  query: Sql;
  /** Like `query`, without waiting until the data is durable: only for what decides what is committed next, never for what is
   *  answered or published. */
  peek: Sql;
  /** Whether the inbox contains this row. */
  handled(key: InboxKey): Promise<boolean>;
  /** Commits only the inbox row, for an event without other effects; cheaper than a transaction with
   *  `Tx.markHandled`. False if the row exists. */
  markHandled(key: InboxKey, options?: ChangeOptions): Promise<boolean>;
  /** Commits another start of a message. Returns the number of its starts without an outcome. */
  recordStart(key: InboxKey): Promise<number>;
  /** Deletes the starts of a message that had an outcome but was not handled. */
  clearStarts(key: InboxKey): Promise<void>;
  /** Deletes inbox rows and starts before this time, in milliseconds since the epoch, in batches. Returns how many. */
  purgeInbox(before: number): Promise<number>;
  checkpoint(name: string): Promise<number>;
  /** Moves a checkpoint while the lease's epoch is current; false if the lease is lost or the checkpoint is not at
   *  `from`. */
  moveLeasedCheckpoint(lease: Lease, from: number, to: number): Promise<boolean>;
  /** Acquires or renews the lease for `ttl` milliseconds; undefined while another process holds it. A lease whose
   *  end is further away than its own duration was acquired before the clock was set back: it counts as expired. So
   *  does a lease of `ended`, a holder that is known to have ended. */
  acquireLease(name: string, holder: string, ttl: number, ended?: string): Promise<Lease | undefined>;
  /** Takes the lock of a lease, which shows that its previous holder has ended; undefined while another process holds
   *  the lock, and if the store has none. The lock only shortens the takeover: the lease decides. */
  lockLease(name: string): LeaseLock | undefined;
  releaseLease(lease: Lease): Promise<void>;
  /** Whether any process holds the lease at this time, in milliseconds since the epoch. */
  isLeaseHeld(name: string, now: number): Promise<boolean>;
  /** Converts due timers into events, at most `limit`, each in the transaction that deletes it. Returns how many. */
  fireTimers(now: number, limit?: number): Promise<number>;
  /** Returns when the next timer is due, in milliseconds since the epoch; undefined without timers. */
  nextTimer(): Promise<number | undefined>;
  /** Calls back after commits with new events or timers, including those of other processes (within `pollInterval`).
   *  Returns a function that unregisters the listener. */
  onAppend(listener: () => void): () => void;
  /** Calls back after commits with a `Tx.notify` of this topic, including those of other processes (within
   *  `pollInterval`). Several commits may cause one call, and there may be a call without a commit. Returns a function
   *  that unregisters the listener. */
  onNotify(topic: string, listener: () => void): () => void;
  /** Runs the owner's pending migrations in order, each once. Rejects with `store.migration_changed` when the SQL of
   *  a completed one has changed. */
  migrate(owner: string, migrations: readonly Migration[]): Promise<void>;
  /** Returns bytes and counts, for metrics. */
  stats(): Promise<StoreStats>;
  /** Returns whether commits succeed and leases have holders, as observed by this process. Reads memory only. */
  health(): StoreHealth;
  /** Commits some kilobytes and deletes them again, to test commits while nothing else is committed. Rejects as a
   *  commit would. */
  probe(): Promise<void>;
  /** Commits waiting writes, then closes the store. */
  close(): Promise<void>;
}

/** A named schema change of a store; see `Store.migrate`. */
export interface Migration {
  name: string;
  /** One or more statements. */
  sql: string;
}

/** The health of a store, as observed by this process. */
export interface StoreHealth {
  /** Set while commits fail or wait for the write lock of another process. */
  failure: StoreFailure | undefined;
  /** Milliseconds since the last commit that needed space. */
  unprovenFor: number;
  /** The number of commits of this process since it opened the store. */
  commits: number;
  /** The number of syncs to disk by this process. One sync makes several commits durable. */
  syncs: number;
  /** Leases for which this process competes and that have no holder. */
  vacant: readonly VacantLease[];
}

/** A continuing failure of commits. */
export interface StoreFailure {
  code: ErrorCode;
  /** Duration in milliseconds. */
  for: number;
}

/** Counts and sizes of a store, for metrics. */
export interface StoreStats {
  events: number;
  timers: number;
  bytes: number;
  /** Write units waiting for a commit. */
  waiting: number;
}
