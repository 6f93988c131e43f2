import Database from 'better-sqlite3';
import { requireSupportedNode } from '../../supported-node.js';
import type { Store } from '../store.js';
import { ArchiveFile } from '../sqlite/archive/archive-file.js';
import { CommitHealth } from '../sqlite/write/commit-health.js';
import type { Connection } from '../sqlite/connection.js';
import { StateReader } from '../sqlite/read/read-state.js';
import { applySchema, assignStoreId } from '../sqlite/tables/schema.js';
import { SqliteStore } from '../sqlite/sqlite-store.js';
import { Writer } from '../sqlite/write/writer.js';
import { MemoryCommitter, type Committed } from './committer.js';

export interface MemoryStoreOptions {
  service: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** What `image` gave: the store begins as that one was. @default empty */
  image?: Buffer;
  /** Told of every commit, before whoever committed. Must not throw. */
  onCommit?: (committed: Committed) => void;
  /** Units that may wait for a commit; one more is `store.overloaded`. @default 10000 */
  maxWaiting?: number;
}

export interface MemoryStore extends Store {
  /** A copy of all that is committed. */
  image: () => Buffer;
}

/**
 * A store that is gone when it is closed: the same SQL and the same transactions as in a file, on one connection, without
 * durability, other processes and an archive (`archive` rejects with `store.archive_missing` where there is something to
 * move). It uses no timers and no real time, and answers within the same turn of the event loop, but for a page of
 * 500 events or more of one stream. Work in a transaction that reads from the store itself, in place of its `tx`, waits
 * for its own end: `store.write_awaited`.
 */
export function openMemoryStore({ service, clock, image, onCommit, maxWaiting }: MemoryStoreOptions): MemoryStore {
  requireSupportedNode();
  const db = new Database(image ?? emptyImage());
  const id = image === undefined ? assignStoreId(db) : applySchema(db);
  db.pragma('foreign_keys = ON');
  const archive = new ArchiveFile(undefined);
  const writer = new Writer(db, clock, archive);
  const listeners = new Set<() => void>();
  const state = new StateReader(db);
  const committer = new MemoryCommitter(writer, {
    nextTimer: () => state.nextTimer(),
    maxWaiting: maxWaiting ?? 10_000,
    onCommit: (committed) => {
      onCommit?.(committed);
      if (committed.events.length > 0) for (const listener of listeners) queueMicrotask(listener);
    },
  });
  const store = new SqliteStore({
    service,
    id,
    writer,
    reader: db,
    archive,
    committer,
    health: new CommitHealth(),
    watch: {
      listen(listener) {
        const entry = () => {
          listener();
        };
        listeners.add(entry);
        return () => listeners.delete(entry);
      },
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

/** A store without events, made once: its schema takes longer than a copy of it. */
function emptyImage(): Buffer {
  if (empty === undefined) {
    const db = new Database(':memory:');
    applySchema(db);
    empty = db.serialize();
    db.close();
  }
  return empty;
}
