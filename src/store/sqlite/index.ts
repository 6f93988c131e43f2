import { statSync } from 'node:fs';
import { messageOf, type FlotillaError } from '../../errors.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import type { Store } from '../store.js';
import { AppendWatch } from './write/append-watch.js';
import { ArchiveFile, archivePathOf } from './archive/archive-file.js';
import { CommitHealth } from './write/commit-health.js';
import { Committer } from './write/committer.js';
import { openReader, openWriter } from './connection.js';
import { FileGuard, identityOf } from './file-guard.js';
import { retryWhileBusy } from './write/retry-while-busy.js';
import { applySchema } from './tables/schema.js';
import { isBusy } from './sqlite-errors.js';
import { SqliteStore } from './sqlite-store.js';
import { walHints } from './write/wal-hints.js';
import { WriteLock } from './write/write-lock.js';
import { Writer } from './write/writer.js';

export interface SqliteLimits {
  /** Units that may wait for a commit; one more is `store.overloaded`. @default 10000 */
  maxWaiting?: number;
  /** Units that share a transaction. @default 500 */
  maxGroup?: number;
  /** Milliseconds to try for the write lock before all that wait get `store.busy`. @default 10000 */
  lockTimeout?: number;
  /** Milliseconds between looks for commits of other processes, where the system does not tell of them sooner.
   *  @default 50 */
  pollInterval?: number;
  /** The most pages the file may have; for tests of a full disk. @default none */
  maxPages?: number;
}

export interface SqliteStoreOptions {
  service: string;
  /** The file; its folder is made where it is missing. On a local disk, as WAL needs shared memory. */
  path: string;
  clock?: () => number;
  limits?: SqliteLimits;
  logger?: Logger;
  /** The store must be in this file already: rejects with `store.replaced` for one with another id. @default any id, and a
   *  file that is not there is created */
  expectedId?: string | undefined;
  /** Never creates the file. @default whether there is an `expectedId` */
  mustExist?: boolean;
  /** Called once when the store is of no more use: `store.moved`, `store.damaged`. Everything asked of it then rejects with
   *  the same. */
  onFailure?: (error: FlotillaError) => void;
}

/** Opens the store of a service in a file, which several processes may do at once. Resolves when its tables are there.
 *  Rejects with `store.io`, `store.busy` or `store.damaged`, and with `config.invalid` for a file of a newer release. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { service, path, clock = Date.now, limits = {}, logger = silentLogger() } = options;
  const { expectedId, mustExist = expectedId !== undefined } = options;
  const guard = new FileGuard(path, options.onFailure);
  const before = identityOf(path);
  if (mustExist) guard.requireContent(before);
  const db = await retryWhileBusy(() => guard.run(() => openWriter(path, { mustExist })));
  try {
    const id = await retryWhileBusy(() => guard.run(() => applySchema(db, expectedId)));
    if (limits.maxPages !== undefined) db.pragma(`max_page_count = ${limits.maxPages}`);
    const archive = new ArchiveFile(archivePathOf(path));
    const writer = await retryWhileBusy(() => guard.run(() => new Writer(db, clock, archive)));
    const reader = await retryWhileBusy(() => guard.run(() => openReader(path)));
    guard.start(before);
    const health = new CommitHealth();
    const lock = new WriteLock(writer, limits.lockTimeout ?? 10_000, health, () => {
      watch.othersCommitted();
    });
    const watch = new AppendWatch({
      head: () => writer.history.head(),
      look: () => {
        try {
          lock.noticeOthers();
        } catch (error) {
          // the next look, or the next transaction, says what is wrong if it still is
          if (!isBusy(error))
            logger.warn('store: cannot check for commits of other processes', { error: messageOf(error) });
        }
      },
      interval: limits.pollInterval ?? 50,
      hints: (onHint) => walHints(path, onHint, logger),
    });
    const committer = new Committer(writer, lock, {
      maxWaiting: limits.maxWaiting ?? 10_000,
      maxGroup: limits.maxGroup ?? 500,
      health,
      guard,
      logger,
      onAppended: () => {
        watch.appended();
      },
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
      health,
      watch,
      read,
      size,
      stop: () => guard.stop(),
    });
  } catch (error) {
    db.close();
    throw error;
  }
}
