import { watch } from 'node:fs';
import { messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';

/** Calls back when a process, this one or another, has written to the file's write-ahead log. Only a hint: where the
 *  system cannot tell, nothing is heard, and where it can, the commit is not to be seen before its fsync is done.
 *  Keeps no process alive. Returns the way to stop it. */
export function walHints(path: string, onHint: () => void, logger: Logger): () => void {
  const without = (error: unknown) => {
    logger.debug('store: commits of other processes are detected by polling only', { error: messageOf(error) });
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
