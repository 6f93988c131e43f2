import { statSync } from 'node:fs';
import { alignedInterval } from '../../concurrency/aligned-interval.js';
import { FlotillaError, hasCode } from '../../errors.js';
import { storeError } from './sqlite-errors.js';

/** Milliseconds between two checks of a store without commits. */
const CHECK_INTERVAL_MS = 1_000;

/** Detects that the files of a store are no longer the ones that were opened: removed, replaced by a copy, emptied,
 *  or damaged. SQLite would continue with a file that no other process sees. The first finding is final: from then
 *  on the store commits, reads and acknowledges nothing. */
export class FileGuard {
  failure: FlotillaError | undefined;
  readonly #files: readonly string[];
  #identities: readonly (string | undefined)[] = [];
  #stopChecking: (() => void) | undefined;

  constructor(
    private readonly path: string,
    private readonly onFailure: (error: FlotillaError) => void = () => undefined,
  ) {
    this.#files = [path, `${path}-wal`, `${path}-shm`];
  }

  /** Throws `store.damaged` for an empty file, which SQLite would treat as a new one. */
  requireContent(identity: string | undefined): void {
    if (identity === EMPTY) throw this.fail(damaged(this.path, 'it is empty'));
  }

  /** Starts monitoring after the files were opened. `before`: the identity of the main file before it was opened, if
   *  it existed. */
  start(before: string | undefined): void {
    this.#identities = this.#files.map(identityOf);
    if (before !== undefined && before !== EMPTY && before !== this.#identities[0]) throw this.fail(moved(this.path));
    this.#stopChecking = alignedInterval(CHECK_INTERVAL_MS, () => {
      try {
        this.check();
      } catch {
        // recorded in `failure` and reported by `onFailure`
      }
    });
  }

  stop(): void {
    this.#stopChecking?.();
  }

  /** Called before a commit is acknowledged; takes 12 µs. Throws `store.moved`, or the earlier finding. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
    for (const [index, file] of this.#files.entries()) {
      const identity = identityOf(file);
      if (identity === this.#identities[index]) continue;
      throw this.fail(identity === EMPTY ? damaged(file, 'it is empty') : moved(file, identity === undefined));
    }
  }

  /** Runs a step on one of the files; damage that it detects is final. */
  run<T>(step: () => T): T {
    if (this.failure !== undefined) throw this.failure;
    try {
      return step();
    } catch (error) {
      throw this.note(error);
    }
  }

  /** Returns the error to report: for damage, a final error that names the file, otherwise the error itself. */
  note(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const known = storeError(error);
    if (hasCode(known, 'store.damaged')) {
      return this.fail(known.message.includes(this.path) ? known : damaged(this.path, known.message, known));
    }
    return hasCode(known, 'store.moved') ? this.fail(moved(this.path)) : error;
  }

  /** Records a failure after which the store must not be used; returns the first one. */
  fail(error: FlotillaError): FlotillaError {
    if (this.failure === undefined) {
      this.failure = error;
      this.stop();
      this.onFailure(error);
    }
    return this.failure;
  }
}

const EMPTY = 'empty';

/** Returns device and inode of a file; undefined if it does not exist. The write-ahead log and the shared memory may
 *  be empty, the main file never is after it was opened. */
export function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.size === 0 && !/-(wal|shm)$/.test(file) ? EMPTY : `${found.dev} ${found.ino}`;
}

function moved(file: string, removed = false): FlotillaError {
  return new FlotillaError('store.moved', `${file} was ${removed ? 'removed' : 'replaced'}`);
}

function damaged(file: string, how: string, cause?: Error): FlotillaError {
  return new FlotillaError('store.damaged', `${file}: ${how}`, { cause });
}
