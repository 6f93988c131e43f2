import { setImmediate } from 'node:timers/promises';
import { FlotillaError } from '../../errors.js';
import type { UnsequencedEvent } from '../../events/envelope.js';
import type {
  AppendResult,
  Archived,
  ChangeOptions,
  ExpectedVersion,
  InboxKey,
  Lease,
  LeaseLock,
  Migration,
  ReadFilter,
  Snapshot,
  Sql,
  SqlValue,
  Store,
  StoreHealth,
  StoreStats,
  StreamMetadata,
  Tx,
} from '../store.js';
import { LeaseLedger } from '../leases/lease-ledger.js';
import type { StoredEvent } from '../stored-event.js';
import type { CommitWatch } from './write/commit-watch.js';
import type { ArchiveFile } from './archive/archive-file.js';
import { Archiver } from './archive/archiver.js';
import type { CommitHealth } from './write/commit-health.js';
import type { Committer, StepOptions } from './write/committer.js';
import type { Connection } from './connection.js';
import type { LeaseLocks } from './lease-lock.js';
import { InboxLookups } from './tables/inbox-lookups.js';
import { History } from './read/history.js';
import { InboxPurge } from './tables/purge-inbox.js';
import { SnapshotReader } from './tables/snapshots.js';
import { MetadataReader } from './tables/stream-metadata.js';
import { StateReader } from './read/read-state.js';
import { TaggedSql } from './tagged-sql.js';
import type { WalCheckpoints } from './write/wal-checkpoints.js';
import type { CommitLog } from './write/wal-sync.js';
import type { Writer } from './write/writer.js';

/** Number of events after which a read yields to the event loop: about 5 ms of reading and parsing. */
const LONG_PAGE_EVENTS = 500;
/** Statements that matter only to the processes of this machine. A power failure ends them all. */
const LOCAL: StepOptions = { single: true, durable: false };
/** A lease must be renewed before it ends, also behind a long queue. */
const URGENT: StepOptions = { ...LOCAL, urgent: true };
/** The size of a probe: more than the free space in allocated pages. */
const PROBE_BYTES = 65_536;

/** The parts of a store, composed by `openSqliteStore` for a file and by `openMemoryStore` for memory. */
export interface SqliteParts {
  service: string;
  id: string;
  writer: Writer;
  /** A separate connection; in memory, the writer's. */
  reader: Connection;
  archive: ArchiveFile;
  committer: Pick<Committer, 'submit' | 'run' | 'close' | 'waiting'>;
  log: CommitLog;
  checkpoints?: Pick<WalCheckpoints, 'close'>;
  health: CommitHealth;
  watch: Pick<CommitWatch, 'listen' | 'stop'>;
  locks?: Pick<LeaseLocks, 'take' | 'close'>;
  /** Runs a step that reads committed data. */
  read: <T>(step: () => T) => Promise<T>;
  /** Returns the size of the store in bytes. */
  size: () => number;
  /** Called when the store is closed. */
  stop?: () => void;
}

/** The store of one service. Writes pass through the committer; reads return durable data. */
export class SqliteStore implements Store {
  readonly service: string;
  readonly id: string;
  readonly #events: History;
  readonly #archiver: Archiver;
  readonly #snapshots: SnapshotReader;
  readonly #metadata: MetadataReader;
  readonly #state: StateReader;
  readonly #inboxLookups: InboxLookups;
  readonly #tagged: TaggedSql;
  readonly #purge: InboxPurge;
  readonly #leases = new LeaseLedger();
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: SqliteParts) {
    this.service = parts.service;
    this.id = parts.id;
    this.#events = new History(parts.reader, parts.archive);
    this.#archiver = new Archiver({
      reader: parts.reader,
      history: this.#events,
      file: parts.archive,
      read: (step) => this.#read(step),
      commit: (step) => this.#step(step, { single: false }),
    });
    this.#snapshots = new SnapshotReader(parts.reader);
    this.#metadata = new MetadataReader(parts.reader);
    this.#state = new StateReader(parts.reader);
    this.#inboxLookups = new InboxLookups(parts.reader, (step) => this.#read(step, isAnyHandled));
    this.#tagged = new TaggedSql(parts.reader);
    this.#purge = new InboxPurge(parts.reader, parts.writer.db);
  }

  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult> {
    return this.#step((writer) => writer.events.append(stream, expected, events), {
      single: events.length <= 1,
    });
  }

  transaction<T>(work: (tx: Tx) => Promise<T>, options?: ChangeOptions): Promise<T> {
    return this.parts.committer.run(work, options);
  }

  async read(stream: string, after = 0, limit = 1_000): Promise<StoredEvent[]> {
    const events = await this.#read(() => this.#events.stream(stream, after, limit));
    // otherwise all pages of a long stream would be read in one turn of the event loop
    if (events.length >= LONG_PAGE_EVENTS) await setImmediate();
    return events;
  }

  readAll(after: number, limit = 1_000, filter: ReadFilter = {}): Promise<StoredEvent[]> {
    return this.#read(() => this.#events.all(after, limit, filter));
  }

  event(id: string): Promise<StoredEvent | undefined> {
    return this.#read(() => this.#events.event(id));
  }

  snapshot(stream: string): Promise<Snapshot | undefined> {
    return this.#read(() => this.#snapshots.of(stream));
  }

  streamMetadata(stream: string): Promise<StreamMetadata | undefined> {
    return this.#read(() => this.#metadata.of(stream));
  }

  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.#step(
      (writer) => {
        writer.metadata.set(stream, metadata);
      },
      { single: false },
    );
  }

  archive(stream: string, through: number): Promise<Archived> {
    return this.#archiver.archive(stream, through);
  }

  applyRetention(now: number): Promise<number> {
    return this.#archiver.retain(now);
  }

  head(): Promise<number> {
    return this.#read(() => this.#events.head());
  }

  readonly query: Sql = (text, ...values) => this.#read(() => this.#select(text, values));

  readonly peek: Sql = (text, ...values) => this.#read(() => this.#select(text, values), never);

  #select<Row extends object>(text: TemplateStringsArray, values: SqlValue[]): Row[] {
    const statement = this.#tagged.prepare(text);
    if (!statement.readonly) throw new TypeError(`A query only reads; write in a transaction: ${text.join('?')}`);
    return this.#tagged.run<Row>(statement, values);
  }

  handled(key: InboxKey): Promise<boolean> {
    return this.#inboxLookups.handled(key);
  }

  markHandled(key: InboxKey, options?: ChangeOptions): Promise<boolean> {
    return this.#step((writer) => writer.inbox.markHandled(key), { single: true, ...options });
  }

  recordStart(key: InboxKey): Promise<number> {
    return this.#step((writer) => writer.inbox.recordStart(key), LOCAL);
  }

  clearStarts(key: InboxKey): Promise<void> {
    return this.#step((writer) => {
      writer.inbox.clearStarts(key);
    }, LOCAL);
  }

  purgeInbox(before: number): Promise<number> {
    return this.#purge.run(before, (erase) => this.#step(erase, LOCAL));
  }

  checkpoint(name: string): Promise<number> {
    return this.#read(() => this.#state.checkpoint(name));
  }

  moveLeasedCheckpoint(lease: Lease, from: number, to: number): Promise<boolean> {
    return this.#step((writer) => writer.checkpoints.moveLeased(lease, from, to), LOCAL);
  }

  async acquireLease(name: string, holder: string, ttl: number, ended?: string): Promise<Lease | undefined> {
    this.#leases.attempt(name, ttl);
    const { lease, term } = await this.#step((writer) => writer.checkpoints.acquire(name, holder, ttl, ended), URGENT);
    this.#leases.found(name, term);
    return lease;
  }

  lockLease(name: string): LeaseLock | undefined {
    return this.parts.locks?.take(name);
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.#step((writer) => {
      writer.checkpoints.release(lease);
    }, LOCAL);
    this.#leases.released(lease.name);
  }

  isLeaseHeld(name: string, now: number): Promise<boolean> {
    return this.#read(() => this.#state.isLeaseHeld(name, now));
  }

  async fireTimers(now: number, limit = 100): Promise<number> {
    const next = await this.nextTimer();
    if (next === undefined || next > now) return 0;
    return this.#step((writer) => writer.timers.fire(now, limit), { single: false });
  }

  nextTimer(): Promise<number | undefined> {
    return this.#read(() => this.#state.nextTimer(), never);
  }

  onAppend(listener: () => void): () => void {
    return this.parts.watch.listen(listener);
  }

  onNotify(topic: string, listener: () => void): () => void {
    return this.parts.watch.listen(listener, topic);
  }

  async migrate(owner: string, migrations: readonly Migration[]): Promise<void> {
    for (const migration of migrations) {
      await this.#step(
        (writer) => {
          writer.migrations.run(owner, migration);
        },
        { single: false },
      );
    }
  }

  /** `events` is the highest position: counting rows would scan the table. */
  stats(): Promise<StoreStats> {
    return this.#read(() => {
      const { size, committer } = this.parts;
      return {
        events: this.#events.head(),
        timers: this.#state.timers(),
        bytes: size(),
        waiting: committer.waiting,
      };
    }, never);
  }

  health(): StoreHealth {
    const { failure, unprovenFor, commits } = this.parts.health;
    return { failure, unprovenFor, commits, syncs: this.parts.log.syncs, vacant: this.#leases.vacant() };
  }

  async probe(): Promise<void> {
    await this.#step(
      (writer) => {
        writer.probe(PROBE_BYTES);
      },
      { single: true },
    );
    this.parts.health.committed(true);
    // in a separate transaction, because pages that are allocated and freed in one transaction are not written
    await this.#step((writer) => {
      writer.clearProbes();
    }, LOCAL);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.parts.watch.stop();
    this.parts.stop?.();
    await this.parts.committer.close();
    await this.parts.log.close();
    await this.parts.checkpoints?.close();
    this.parts.locks?.close();
    this.parts.archive.close();
    this.parts.reader.close();
    this.parts.writer.db.close();
  }

  #step<T>(step: (writer: Writer) => T, options: StepOptions): Promise<T> {
    return this.parts.committer.submit(() => step(this.parts.writer), options);
  }

  /** Resolves with the result once the data is durable, because the caller may answer with it or publish it; without
   *  waiting for results that `isExposed` excludes. */
  async #read<T>(step: () => T, isExposed: (result: T) => boolean = always): Promise<T> {
    if (this.#closing !== undefined) throw new FlotillaError('store.closed');
    const { result, synced } = await this.parts.read(() => {
      const result = step();
      return { result, synced: isExposed(result) ? this.parts.log.barrier() : undefined };
    });
    if (synced !== undefined) await synced;
    return result;
  }
}

const always = () => true;
const never = () => false;
/** A message that counts as handled is acked; one that does not is handled in a transaction. */
const isAnyHandled = (answers: readonly boolean[]) => answers.includes(true);
