import { watch } from 'node:fs';
import { messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';

/** Calls `onHint` when any process has written to the file's write-ahead log, and `onEnd` when the system does not
 *  report it (any more). Only a hint: some systems report nothing,
 *  and others report a commit before its fsync, when it is not visible yet. Does not keep the process alive. Returns
 *  a function that stops it. */
export function walHints(path: string, onHint: () => void, onEnd: () => void, logger: Logger): () => void {
  const without = (error: unknown) => {
    logger.debug('store: commits of other processes are detected by polling only', { error: messageOf(error) });
    onEnd();
  };
  try {
    const watcher = watch(`${path}-wal`, { persistent: false }, onHint);
    watcher.on('error', without);
    return () => {
      watcher.close();
    };
  } catch (error) {
    without(error);
    return () => undefined;
  }
}
