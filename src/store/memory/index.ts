import Database from 'better-sqlite3';
import { requireSupportedNode } from '../../supported-node.js';
import type { Store } from '../store.js';
import { ArchiveFile } from '../sqlite/archive/archive-file.js';
import { CommitHealth } from '../sqlite/write/commit-health.js';
import type { Connection } from '../sqlite/connection.js';
import { StateReader } from '../sqlite/read/read-state.js';
import { applySchema, assignStoreId } from '../sqlite/tables/schema.js';
import { SqliteStore } from '../sqlite/sqlite-store.js';
import { APPENDS } from '../sqlite/write/commit-watch.js';
import { Listeners } from '../listeners.js';
import { noCommitLog } from '../sqlite/write/wal-sync.js';
import { Writer } from '../sqlite/write/writer.js';
import { MemoryCommitter, type Committed } from './committer.js';

export interface MemoryStoreOptions {
  service: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** An image of another store, from which this one starts. @default empty */
  image?: Buffer;
  /** Called after every commit, before its promise resolves. Must not throw. */
  onCommit?: (committed: Committed) => void;
  /** Maximum number of waiting write units; more are rejected with `store.overloaded`. @default 10000 */
  maxWaiting?: number;
}

/** A store in memory, with its image. */
export interface MemoryStore extends Store {
  /** Returns a copy of all committed data. */
  image: () => Buffer;
}

/**
 * Opens a store in memory; closing it discards its content. It runs the same SQL and transactions as a file, on one
 * connection, without durability, other processes or an archive (`archive` rejects with `store.archive_missing` if it
 * would move events). It uses no timers and no real time, and settles within the same turn of the event loop, except
 * for a page of 500 events or more of one stream. Work in a transaction that reads from the store instead of its `tx`
 * would wait for its own end: it fails with `store.write_awaited`.
 */
export function openMemoryStore({ service, clock, image, onCommit, maxWaiting }: MemoryStoreOptions): MemoryStore {
  requireSupportedNode();
  const db = new Database(image ?? emptyImage());
  const id = image === undefined ? assignStoreId(db) : applySchema(db);
  db.pragma('foreign_keys = ON');
  const archive = new ArchiveFile(undefined);
  const writer = new Writer(db, clock, archive);
  const listeners = new Listeners();
  const state = new StateReader(db);
  const committer = new MemoryCommitter(writer, {
    nextTimer: () => state.nextTimer(),
    maxWaiting: maxWaiting ?? 10_000,
    onCommit: (committed) => {
      onCommit?.(committed);
      if (committed.events.length > 0 || writer.timers.scheduled > 0) listeners.notify(APPENDS);
      for (const topic of writer.notified) listeners.notify(topic);
    },
  });
  const store = new SqliteStore({
    service,
    id,
    writer,
    reader: db,
    archive,
    committer,
    log: noCommitLog,
    health: new CommitHealth(),
    watch: {
      listen: (listener, topic = APPENDS) => listeners.add(topic, listener),
      stop: () => {
        listeners.clear();
      },
    },
    read: (step) => committer.read(step),
    size: () => sizeOf(db),
  });
  return Object.assign(store, { image: () => db.serialize() });
}

function sizeOf(db: Connection): number {
  return Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
}

let empty: Buffer | undefined;

/** An empty store, created once: creating the schema takes longer than copying it. */
function emptyImage(): Buffer {
  if (empty === undefined) {
    const db = new Database(':memory:');
    applySchema(db);
    empty = db.serialize();
    db.close();
  }
  return empty;
}
