import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { codeOf } from '../sqlite-errors.js';

// The program of a checkpoint thread: runs a checkpoint for each message, and ends after `false`. PASSIVE waits for no
// other connection; pages that a reader needs, or that are committed meanwhile, stay in the log.
const db = new Database(workerData as string, { timeout: 0, fileMustExist: true });
db.pragma('synchronous = NORMAL');
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');

parentPort?.on('message', (proceed: boolean) => {
  if (proceed) {
    parentPort?.postMessage(outcome());
    return;
  }
  db.close();
  parentPort?.close();
});

/** Runs a checkpoint. Returns SQLite's code if it failed. */
function outcome(): string | undefined {
  try {
    checkpoint.get();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
