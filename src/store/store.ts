import type { ErrorCode } from '../errors.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import type { VacantLease } from './leases/lease-ledger.js';
import type { StoredEvent } from './stored-event.js';

/** `'none'`: no stream yet; `'any'`: no check; a number: exactly that version. */
export type ExpectedVersion = 'none' | 'any' | number;

/** An SQL parameter or result, the same in every engine. Booleans are 0 and 1, times are text or milliseconds. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** SQL by tagged template: an interpolated value is always a parameter, never text. Returns the rows; none for a
 *  statement that returns none. Only the subset that SQLite and PostgreSQL share. */
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

/** An event to append once `dueAt` has passed, with an id derived from `id`. */
export interface Timer {
  id: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  /** The event to append; its `time` becomes `dueAt`. */
  event: UnsequencedEvent;
}

export interface AppendResult {
  /** The stream's version after the append. */
  version: number;
  /** How many events were new: those whose id was stored already are skipped. */
  appended: number;
}

/** The state of an aggregate at a version of its stream, so that the stream need not be read from its beginning. An
 *  optimization only: a stream without one, or with one of another shape, is read from the beginning. */
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
  /** Which events may be archived: all but the newest `keep`, and of those none younger than `olderThan` milliseconds.
   *  Nothing is ever deleted. */
  retention?: { keep: number; olderThan?: number };
  /** Free notes. */
  notes?: Readonly<Record<string, string>>;
}

/** The result of `archive`. */
export interface Archived {
  /** Events moved now. */
  moved: number;
  /** The stream's events up to and including this version are in the archive; 0: none. */
  through: number;
}

/** A serializable transaction. Work in a transaction may await nothing but these methods (`store.write_awaited`), and may
 *  be run again. */
export interface Tx {
  sql: Sql;
  /** Throws `store.conflict`, a `ConflictError` with the current version, when the stream is not at the expected version. An
   *  event whose id is stored already is skipped. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** The stream's events after version `after`, at most `limit` (default: all of them). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** The event with this id. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** The snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** Replaces the stream's snapshot: always one of an older shape, otherwise only one of an earlier version. */
  saveSnapshot(stream: string, snapshot: Snapshot): Promise<void>;
  checkpoint(name: string): Promise<number>;
  /** Writes the inbox row; false when it exists: the event has been handled. */
  markHandled(key: InboxKey): Promise<boolean>;
  /** Deletes the inbox rows and starts of a consumer, of every source, so that it handles every event again. Returns how
   *  many events it had handled. */
  forgetHandled(consumer: string): Promise<number>;
  /** Stores a timer; an existing one with the same id stays unchanged. */
  schedule(timer: Timer): Promise<void>;
  /** Deletes a timer; false when there is none. */
  cancelTimer(id: string): Promise<boolean>;
  /** Moves a checkpoint from `from` to `to`; false, without a change, when it is not at `from`. New ones are at 0. */
  moveCheckpoint(name: string, from: number, to: number): Promise<boolean>;
}

/** Exclusive leadership for a limited time. The epoch rises with every change of holder, so that writes of a former holder
 *  can be refused. */
export interface Lease {
  name: string;
  holder: string;
  epoch: number;
}

/** Which events `readAll` returns; all conditions must hold. */
export interface ReadFilter {
  /** A type, a topic pattern, or several of them. */
  type?: string | readonly string[];
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
}

/** The store of one service: its events, inbox, checkpoints, timers, leases and tables. Several processes may open the
 *  same one. When the promise of a change resolves, the change is durable. */
export interface Store {
  /** The service; the `source` of its events. */
  readonly service: string;
  /** A UUID that is created with the store and never changes: the same in every process and in a restored backup. */
  readonly id: string;
  /** One append, committed together with other waiting writes. Errors as `Tx.append`. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** Runs `work` in a transaction that it shares with other waiting writes, behind a savepoint of its own: a throw rolls back
   *  its own writes only, and rejects the promise. Resolves when the transaction is committed. Rejects with
   *  `store.overloaded` when too many writes are waiting. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** The stream's events after version `after`, at most `limit` (default 1,000). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** Events after the global position `after` in the order of positions, at most `limit` (default 1,000), archived ones
   *  included. The cost of reading page by page is proportional to the matching events: see `readPages`. Returns no events if
   *  `until` is before `since`; rejects with a `RangeError` for an invalid time. */
  readAll(after: number, limit?: number, filter?: ReadFilter): Promise<StoredEvent[]>;
  /** The event with this id, archived or not. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** The snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** The metadata of a stream; undefined where none was set. */
  streamMetadata(stream: string): Promise<StreamMetadata | undefined>;
  /** Replaces the metadata of a stream. Rejects with a `RangeError` for an invalid retention. */
  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void>;
  /** Moves the events of a stream up to the version `through` to the archive: written and synced there first, then deleted
   *  from the store; interrupted anywhere, the next call finishes it. `read` and `readAll` still return them, more slowly. The
   *  last event of a stream stays, and so do events that are not published yet (after the checkpoint `relay`). Calls that need
   *  a missing archive reject with `store.archive_missing`; appends need none. */
  archive(stream: string, through: number): Promise<Archived>;
  /** Archives events by the retention of their streams, `now` in milliseconds since the epoch. Returns how many. */
  applyRetention(now: number): Promise<number>;
  /** The highest position; 0 for a store without events. */
  head(): Promise<number>;
  /** Reads committed data, outside of any transaction. */
  query: Sql;
  /** Whether the inbox has this row. */
  handled(key: InboxKey): Promise<boolean>;
  /** Commits the inbox row alone, for an event without other effects: cheaper than a transaction around `Tx.markHandled`. False
   *  when it exists. */
  markHandled(key: InboxKey): Promise<boolean>;
  /** Commits one more start of a message. Returns the number of its starts without an outcome. */
  recordStart(key: InboxKey): Promise<number>;
  /** Deletes the starts of a message that had an outcome but was not handled. */
  clearStarts(key: InboxKey): Promise<void>;
  /** Deletes inbox rows and starts before this time, in milliseconds since the epoch, in portions. Returns how many. */
  purgeInbox(before: number): Promise<number>;
  checkpoint(name: string): Promise<number>;
  /** Moves a checkpoint; only while the lease's epoch is the current one. False: no longer the holder, or not at `from`. */
  moveLeasedCheckpoint(lease: Lease, from: number, to: number): Promise<boolean>;
  /** Takes or renews the lease for `ttl` milliseconds; undefined while another process holds it. A lease that ends later
   *  than its own duration from now was taken before the clock was set back: it counts as expired. */
  acquireLease(name: string, holder: string, ttl: number): Promise<Lease | undefined>;
  releaseLease(lease: Lease): Promise<void>;
  /** Turns due timers into events, at most `limit`, each in the transaction that deletes it. Returns how many. */
  fireTimers(now: number, limit?: number): Promise<number>;
  /** When the next timer is due, in milliseconds since the epoch. */
  nextTimer(): Promise<number | undefined>;
  /** Calls back after commits with new events, also those of other processes (noticed within `pollInterval`). Returns a
   *  function that stops it. */
  onAppend(listener: () => void): () => void;
  /** Runs the migrations that have not run yet, in order, each once for the owner's name. Throws `store.migration_changed`
   *  when the SQL of one that has run is different now. */
  migrate(owner: string, migrations: readonly Migration[]): Promise<void>;
  /** Bytes and counts, for metrics. */
  stats(): Promise<StoreStats>;
  /** Whether commits succeed and leases have holders, as far as this process has observed. Reads memory only. */
  health(): StoreHealth;
  /** Commits some kilobytes and deletes them again: tests whether commits succeed while nothing else is committed. Rejects as
   *  a commit would. */
  probe(): Promise<void>;
  /** Commits waiting writes, then closes. */
  close(): Promise<void>;
}

export interface Migration {
  name: string;
  /** One or more statements. */
  sql: string;
}

export interface StoreHealth {
  /** Set while commits fail or wait for the write lock of another process. */
  trouble: StoreTrouble | undefined;
  /** Milliseconds since the last commit that needed space. */
  unprovenFor: number;
  /** Leases for which this process competes and that have no holder. */
  vacant: readonly VacantLease[];
}

export interface StoreTrouble {
  code: ErrorCode;
  /** Milliseconds. */
  for: number;
}

export interface StoreStats {
  events: number;
  timers: number;
  bytes: number;
  /** Write units waiting for a commit. */
  waiting: number;
}
