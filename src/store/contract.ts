import type { ErrorCode } from '../errors.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import type { VacantLease } from './leases/lease-ledger.js';
import type { StoredEvent } from './stored-event.js';

/** What a stream must be like for an append to go through: absent, as it likes, or at this version. */
export type ExpectedVersion = 'none' | 'any' | number;

/** A value that SQL takes and gives, the same in every engine. Booleans are 0 and 1, times are text or milliseconds. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** SQL by tagged template: what is interpolated is always a parameter, never text. Gives the rows; none for a
 *  statement that returns none. Only the subset that SQLite and PostgreSQL share. */
export type Sql = <Row extends object = Record<string, SqlValue>>(
  text: TemplateStringsArray,
  ...values: SqlValue[]
) => Promise<Row[]>;

/** What one consumer did with one event. */
export interface InboxKey {
  consumer: string;
  source: string;
  id: string;
}

/** An event that becomes due: appended, with an id that follows from `id`, once `dueAt` has passed. */
export interface Timer {
  id: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  /** What is appended then; its `time` becomes the time at which it was due. */
  event: UnsequencedEvent;
}

export interface AppendResult {
  /** The stream's version after the append. */
  version: number;
  /** The events that were new; those whose id the store had already are left out. */
  appended: number;
}

/** The state of an aggregate as its stream had made it at a version, so that it need not be read from its beginning. Only
 *  a help: a stream without one, or with one of another shape, is read from the beginning. */
export interface Snapshot {
  /** The version of the stream whose events are in it. */
  version: number;
  /** Which shape the state has; whoever knows another shape passes it over. */
  shape: number;
  /** JSON. */
  state: unknown;
}

/** What is known about a stream besides its events. */
export interface StreamMetadata {
  /** Which events may go to the archive: all but the newest `keep`, and of those none younger than `olderThan`
   *  milliseconds. Nothing is ever deleted. */
  retention?: { keep: number; olderThan?: number };
  /** Whatever else somebody wants to note. */
  notes?: Readonly<Record<string, string>>;
}

/** What an archiving has done. */
export interface Archived {
  /** Events moved now. */
  moved: number;
  /** The version up to which, this one included, the stream's events are in the archive; 0: none. */
  through: number;
}

/** A transaction, one at a time as if serial. Everything here awaits only the engine: code that runs in a
 *  transaction awaits nothing else (`store.write_awaited`), and may be run again. */
export interface Tx {
  sql: Sql;
  /** Throws `store.conflict`, a `ConflictError` that carries the current version, when the stream is not as expected. An event whose id is stored already is skipped. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** The stream's events after version `after`, at most `limit` (default: all of them). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** The event with this id. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** The snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** Keeps a snapshot in place of the stream's earlier one: always in place of an older shape, else only when it is of a
   *  later version. */
  keepSnapshot(stream: string, snapshot: Snapshot): Promise<void>;
  checkpoint(name: string): Promise<number>;
  /** Writes the inbox row; false when it is there already: the event has been handled. */
  claim(key: InboxKey): Promise<boolean>;
  /** Deletes the inbox rows and starts of a consumer, of every source: it handles again whatever comes. Gives how many
   *  events it had handled. */
  forgetHandled(consumer: string): Promise<number>;
  /** Keeps a timer; one with the same id is left as it is. */
  schedule(timer: Timer): Promise<void>;
  /** Removes a timer; false when it is not there. */
  cancelTimer(id: string): Promise<boolean>;
  /** Moves a checkpoint from `from` to `to`; false, and nothing is done, when it is not at `from`. New ones are at 0. */
  moveCheckpoint(name: string, from: number, to: number): Promise<boolean>;
}

/** Whose turn it is. The epoch rises with every change of holder, so that a holder of the past can be told. */
export interface Lease {
  name: string;
  holder: string;
  epoch: number;
}

/** Which events `readAll` gives; all that is named must hold. */
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

/** The memory of one service: its events, inbox, checkpoints, timers, leases and tables. Several processes may open
 *  the same one. Every promise that resolves for a change means that the change is durable. */
export interface Store {
  /** The service; the `source` of its events. */
  readonly service: string;
  /** A UUID that is made with the store and never changes: the same for every process that opens it and for a backup that
   *  is restored, another one for a new store. */
  readonly id: string;
  /** One append, committed together with whatever else is waiting. Errors as `Tx.append`. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult>;
  /** Runs `work` in a transaction, shared with whatever else is waiting but behind a savepoint of its own: its throw
   *  undoes its own writes only, and rejects the promise. Resolves when all is committed. Rejects with
   *  `store.overloaded` when too many are waiting. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** The stream's events after version `after`, at most `limit` (default 1,000). */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** Events after the global position `after` in the order of positions, at most `limit` (default 1,000); archived ones
   *  too. Reading on from page to page costs no more than the events that match: see `readPages`. A span of time that is
   *  upside down has no events; what is no time rejects with a `RangeError`. */
  readAll(after: number, limit?: number, filter?: ReadFilter): Promise<StoredEvent[]>;
  /** The event with this id, archived or not. */
  event(id: string): Promise<StoredEvent | undefined>;
  /** The snapshot of a stream, whatever its shape. */
  snapshot(stream: string): Promise<Snapshot | undefined>;
  /** What was noted about a stream; undefined for one of which nothing was. */
  streamMetadata(stream: string): Promise<StreamMetadata | undefined>;
  /** Notes this in place of what was noted. Rejects with a `RangeError` when the retention makes no sense. */
  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void>;
  /** Moves the events of a stream up to the version `through` to the archive: there and synced first, then out of the
   *  store; interrupted anywhere, doing it again finishes it. They are still read, by `read` and `readAll`, more slowly.
   *  The last event of a stream stays, and so does what is not published yet (after the checkpoint `relay`). What needs an
   *  archive that is not there rejects with `store.archive_missing`; appends need none. */
  archive(stream: string, through: number): Promise<Archived>;
  /** Archives what the metadata of streams lets go, `now` in milliseconds since the epoch; gives how many events. */
  applyRetention(now: number): Promise<number>;
  /** The highest position; 0 for a store without events. */
  head(): Promise<number>;
  /** Reads, outside of any transaction, what is committed. */
  query: Sql;
  /** Whether the inbox has this. */
  handled(key: InboxKey): Promise<boolean>;
  /** Commits the inbox row alone, for an event that leads to nothing else: cheaper than a transaction around
   *  `Tx.claim`. False when it is there already. */
  claim(key: InboxKey): Promise<boolean>;
  /** Commits one more start of a message and gives how many that makes, without an outcome. */
  recordStart(key: InboxKey): Promise<number>;
  /** Forgets the starts of a message that has had an outcome which leaves it unhandled. */
  clearStarts(key: InboxKey): Promise<void>;
  /** Deletes inbox rows and starts that are older, in milliseconds since the epoch; gives how many. Works in portions. */
  purgeInbox(before: number): Promise<number>;
  checkpoint(name: string): Promise<number>;
  /** Moves a checkpoint; only while the lease's epoch is the current one. False: no longer the holder, or not at `from`. */
  moveLeasedCheckpoint(lease: Lease, from: number, to: number): Promise<boolean>;
  /** Takes or renews the lease for `ttl` milliseconds; undefined while another process holds it. A lease that ends later
   *  than its own duration from now was taken before the clock was set back: it counts as expired. */
  acquireLease(name: string, holder: string, ttl: number): Promise<Lease | undefined>;
  releaseLease(lease: Lease): Promise<void>;
  /** Turns timers that are due into events, at most `limit`; each in the transaction that deletes it. Gives how many. */
  fireTimers(now: number, limit?: number): Promise<number>;
  /** When the next timer is due, in milliseconds since the epoch. */
  nextTimer(): Promise<number | undefined>;
  /** Calls back after commits with new events, also those of other processes (noticed within `pollInterval`).
   *  Returns the way to stop it. */
  onAppend(listener: () => void): () => void;
  /** Runs those of the migrations that did not run yet, in order, each once for the owner's name.
   *  Throws `store.migration_changed` when one that ran reads differently now. */
  migrate(owner: string, migrations: readonly Migration[]): Promise<void>;
  /** Bytes and counts, for metrics. */
  stats(): Promise<StoreStats>;
  /** Whether commits go through and leases have holders, as far as this process has seen; costs nothing. */
  health(): StoreHealth;
  /** Commits some kilobytes and deletes them again: finds out whether the store takes more where nothing else is
   *  committed. Rejects with what a commit would reject with. */
  probe(): Promise<void>;
  /** Commits what is waiting, then closes. */
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
  /** Milliseconds since a commit has last shown that the store takes more. */
  unprovenFor: number;
  /** Leases that this process competes for and that have no holder. */
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
  /** Units waiting for a commit. */
  waiting: number;
}
