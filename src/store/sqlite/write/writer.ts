import { EventAppender } from './append-events.js';
import type { ArchiveFile } from '../archive/archive-file.js';
import { ArchivedMarks } from '../archive/archived-marks.js';
import { Checkpoints, noticesOf } from '../tables/checkpoints.js';
import type { Connection, Statement } from '../connection.js';
import { History } from '../read/history.js';
import { Inbox } from '../tables/inbox.js';
import { NameCache } from '../tables/name-cache.js';
import { Migrations } from '../tables/migrations.js';
import { SnapshotTable, SnapshotReader } from '../tables/snapshots.js';
import { MetadataKeeper } from '../tables/stream-metadata.js';
import { TaggedSql } from '../tagged-sql.js';
import { Timers } from '../tables/timers.js';

/** Capacity of the name caches. */
const MAX_CACHED_NAMES = 20_000;

/** All writing components on the only writing connection, with their savepoints and transactions. Synchronous. */
export class Writer {
  readonly sql: TaggedSql;
  readonly history: History;
  readonly archived: ArchivedMarks;
  readonly events: EventAppender;
  readonly snapshots: SnapshotReader;
  readonly keeper: SnapshotTable;
  readonly metadata: MetadataKeeper;
  readonly inbox: Inbox;
  readonly checkpoints: Checkpoints;
  readonly timers: Timers;
  readonly migrations: Migrations;
  readonly #caches: NameCache[];
  readonly #statements: Record<
    'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo' | 'probe' | 'clearProbes',
    Statement
  >;
  /** The topics of `Tx.notify` in this transaction; also those of units that were rolled back. */
  readonly notified = new Set<string>();
  #marks: number[] = [];
  #appendedBefore = 0;

  constructor(
    readonly db: Connection,
    clock: () => number,
    archive: ArchiveFile,
  ) {
    const streams = new NameCache(db, 'flotilla_streams', MAX_CACHED_NAMES);
    const types = new NameCache(db, 'flotilla_types', MAX_CACHED_NAMES);
    const consumers = new NameCache(db, 'flotilla_consumers', MAX_CACHED_NAMES);
    this.#caches = [streams, types, consumers];
    this.sql = new TaggedSql(db);
    this.history = new History(db, archive);
    this.archived = new ArchivedMarks(db);
    this.events = new EventAppender(db, streams, types, this.archived);
    this.snapshots = new SnapshotReader(db);
    this.keeper = new SnapshotTable(db, streams);
    this.metadata = new MetadataKeeper(db, streams);
    this.inbox = new Inbox(db, consumers, clock);
    this.checkpoints = new Checkpoints(db, clock);
    this.timers = new Timers(db, this.events);
    this.migrations = new Migrations(db, clock);
    this.#statements = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      rollback: db.prepare('ROLLBACK'),
      savepoint: db.prepare('SAVEPOINT unit'),
      release: db.prepare('RELEASE unit'),
      undo: db.prepare('ROLLBACK TO unit'),
      probe: db.prepare('INSERT INTO flotilla_probes (filler) VALUES (zeroblob(?))'),
      clearProbes: db.prepare('DELETE FROM flotilla_probes'),
    };
  }

  /** Whether the transaction is still open. SQLITE_FULL and some I/O errors roll it back implicitly; the next
   *  statement would then commit on its own. */
  get open(): boolean {
    return this.db.inTransaction;
  }

  begin(): void {
    this.#statements.begin.run();
    this.events.appended = 0;
    this.timers.scheduled = 0;
    this.notified.clear();
    this.inbox.begin();
    this.archived.begin();
  }

  commit(): void {
    this.#statements.commit.run();
    for (const cache of this.#caches) cache.keep();
  }

  rollback(): void {
    if (this.open) this.#statements.rollback.run();
    for (const cache of this.#caches) cache.forgetSince(0);
  }

  savepoint(): void {
    this.#statements.savepoint.run();
    this.#marks = this.#caches.map((cache) => cache.mark());
    this.#appendedBefore = this.events.appended;
  }

  release(): void {
    this.#statements.release.run();
  }

  undoToSavepoint(): void {
    this.#statements.undo.run();
    this.#statements.release.run();
    this.events.appended = this.#appendedBefore;
    for (const [index, cache] of this.#caches.entries()) cache.forgetSince(this.#marks[index] ?? 0);
  }

  notify(topic: string): void {
    this.notified.add(topic);
    this.checkpoints.advance(noticesOf(topic));
  }

  /** Writes this many bytes in the open transaction. */
  probe(bytes: number): void {
    this.#statements.probe.run(bytes);
  }

  /** Deletes the content of probes, including those of terminated processes. */
  clearProbes(): void {
    this.#statements.clearProbes.run();
  }
}
