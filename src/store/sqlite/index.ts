import { statSync } from 'node:fs';
import { FlotillaError, messageOf } from '../../errors.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import type { Store } from '../store.js';
import { CommitWatch } from './write/commit-watch.js';
import { ArchiveFile, archivePathOf } from './archive/archive-file.js';
import { CommitHealth } from './write/commit-health.js';
import { CheckpointThread } from './write/checkpoint-thread.js';
import { Committer } from './write/committer.js';
import { openReader, openWriter, type Connection } from './connection.js';
import { FileGuard, identityOf } from './file-guard.js';
import { LeaseLocks } from './lease-lock.js';
import { StateReader } from './read/read-state.js';
import { retryWhileBusy } from './write/retry-while-busy.js';
import { noticesOf } from './tables/checkpoints.js';
import { applySchema } from './tables/schema.js';
import { isBusy } from './sqlite-errors.js';
import { SqliteStore } from './sqlite-store.js';
import { LAST_RESORT_PAGES, WalCheckpoints } from './write/wal-checkpoints.js';
import { NewsFile } from './write/news-file.js';
import { openWal, WalSync } from './write/wal-sync.js';
import { WriteLock } from './write/write-lock.js';
import { Writer } from './write/writer.js';

export interface SqliteLimits {
  /** Maximum number of waiting write units; more are rejected with `store.overloaded`. @default 10000 */
  maxWaiting?: number;
  /** Maximum number of units per transaction. @default 500 */
  maxGroup?: number;
  /** Milliseconds to wait for the write lock before all waiting units are rejected with `store.busy`. @default 10000 */
  lockTimeout?: number;
  /** Milliseconds between polls for commits of other processes, if the system does not report them sooner.
   *  @default 50 */
  pollInterval?: number;
  /** Maximum number of pages of the file; for tests of a full disk. @default none */
  maxPages?: number;
}

export interface SqliteStoreOptions {
  service: string;
  /** The file; its folder is created if missing. Must be on a local disk, because WAL needs shared memory. */
  path: string;
  clock?: () => number;
  limits?: SqliteLimits;
  logger?: Logger;
  /** The id of the store that the file must contain: rejects with `store.replaced` for another id. @default any id;
   *  a missing file is created */
  expectedId?: string | undefined;
  /** Never creates the file. @default true if there is an `expectedId` */
  mustExist?: boolean;
  /** Called once when the store becomes unusable: `store.moved`, `store.damaged`. Later calls reject with the same
   *  error. */
  onFailure?: (error: FlotillaError) => void;
}

/** Opens the store of a service in a file, which several processes may open. Resolves when its tables exist. Rejects
 *  with `store.io`, `store.busy` or `store.damaged`, and with `config.invalid` for a file of a newer release. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { service, path, clock = Date.now, limits = {}, logger = silentLogger() } = options;
  const { expectedId, mustExist = expectedId !== undefined } = options;
  const guard = new FileGuard(path, options.onFailure);
  const before = identityOf(path);
  if (mustExist) guard.requireContent(before);
  const db = await retryWhileBusy(() => guard.run(() => openWriter(path, { mustExist, synchronous: 'normal' })));
  let log: WalSync | undefined;
  try {
    const id = await retryWhileBusy(() => guard.run(() => applySchema(db, expectedId)));
    db.pragma(`wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
    if (limits.maxPages !== undefined) db.pragma(`max_page_count = ${limits.maxPages}`);
    const archive = new ArchiveFile(archivePathOf(path));
    const writer = await retryWhileBusy(() => guard.run(() => new Writer(db, clock, archive)));
    const reader = await retryWhileBusy(() => guard.run(() => openReader(path)));
    guard.start(before);
    log = await openLog(path, reader, guard);
    // the id that the caller records, and all commits of processes that ended before their sync
    await log.barrier();
    const health = new CommitHealth();
    const lock = new WriteLock(writer, limits.lockTimeout ?? 10_000, health, () => {
      watch.othersCommitted();
    });
    const state = new StateReader(db);
    const news = new NewsFile(path, logger);
    const watch = new CommitWatch({
      mark: () => `${writer.history.head()} ${state.nextTimer() ?? ''}`,
      notices: (topic) => state.checkpoint(noticesOf(topic)),
      poll: () => {
        try {
          lock.noticeOthers();
        } catch (error) {
          // a lasting problem is reported by the next poll or transaction
          if (!isBusy(error))
            logger.warn('store: cannot check for commits of other processes', { error: messageOf(error) });
        }
      },
      interval: limits.pollInterval ?? 50,
      hints: (onHint, onEnd) => news.watch(onHint, onEnd),
    });
    const pages = db.prepare<unknown[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)');
    const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    const checkpoints = new WalCheckpoints({
      pages() {
        try {
          return pages.get();
        } catch {
          return undefined; // a lasting failure is reported by the next transaction
        }
      },
      checkpoint: () => void checkpoint.get(),
      thread: new CheckpointThread(path),
      onSyncFailed: (code) => {
        guard.fail(new FlotillaError('store.sync_failed', `${path}: ${code} in a checkpoint`));
      },
      logger,
    });
    const committer = new Committer(writer, lock, {
      maxWaiting: limits.maxWaiting ?? 10_000,
      maxGroup: limits.maxGroup ?? 500,
      log,
      health,
      guard,
      logger,
      onCommitted: (isNotable) => {
        checkpoints.committed();
        if (isNotable || writer.notified.size > 0) {
          watch.announced();
          news.announce();
        }
        if (isNotable) watch.notify();
        for (const topic of writer.notified) watch.notify(topic);
      },
      room: () => checkpoints.room(),
    });
    const read = <T>(step: () => T) => retryWhileBusy(() => guard.run(step));
    const size = () =>
      [path, `${path}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
    return new SqliteStore({
      service,
      id,
      writer,
      reader,
      archive,
      committer,
      log,
      checkpoints,
      health,
      watch,
      locks: new LeaseLocks(path, logger),
      read,
      size,
      stop: () => {
        guard.stop();
        news.close();
      },
    });
  } catch (error) {
    await log?.close();
    db.close();
    throw error;
  }
}

async function openLog(path: string, reader: Connection, guard: FileGuard): Promise<WalSync> {
  const version = reader.prepare<unknown[]>('PRAGMA data_version').pluck();
  const wal = await openWal(path);
  return new WalSync({
    version: () => version.get(),
    async sync() {
      if (guard.failure !== undefined) throw guard.failure;
      try {
        await wal.sync();
      } catch (error) {
        throw guard.fail(new FlotillaError('store.sync_failed', `${path}-wal: ${messageOf(error)}`, { cause: error }));
      }
    },
    close: wal.close,
  });
}
