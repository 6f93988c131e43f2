import { closeSync, openSync, watch, writeSync } from 'node:fs';
import { messageOf } from '../../../errors.js';
import { createPrivateFile } from '../../../files/private-file.js';
import type { Logger } from '../../../telemetry/logger.js';

/** Returns the path of the file that announces commits with news: `core.db-news` beside `core.db`. */
export function newsPathOf(path: string): string {
  return `${path}-news`;
}

const CONTENT = Buffer.from('\n');

/** Announces commits with news to the other processes of a store: each of them writes to this file and is notified by the
 *  system of writes to it. The write-ahead log would wake all processes for each commit, most of which are none of their
 *  business: renewals of leases, checkpoints, inbox rows. Only a hint: some systems report nothing, and a process may be
 *  killed between its commit and the announcement. */
export class NewsFile {
  #descriptor: number | undefined;

  /** `path`: of the store. */
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {
    try {
      createPrivateFile(newsPathOf(path));
      this.#descriptor = openSync(newsPathOf(path), 'r+');
    } catch (error) {
      this.#withoutHints(error);
    }
  }

  /** Announces a commit that is visible. Takes 5 µs. */
  announce(): void {
    if (this.#descriptor === undefined) return;
    try {
      writeSync(this.#descriptor, CONTENT, 0, CONTENT.length, 0);
    } catch (error) {
      this.#withoutHints(error);
    }
  }

  /** Calls `onHint` when any process has announced a commit, and `onEnd` when the system does not report it (any more).
   *  Does not keep the process alive. Returns a function that stops it. */
  watch(onHint: () => void, onEnd: () => void): () => void {
    const without = (error: unknown) => {
      this.#withoutHints(error);
      onEnd();
    };
    try {
      const watcher = watch(newsPathOf(this.path), { persistent: false }, onHint);
      watcher.on('error', without);
      return () => {
        watcher.close();
      };
    } catch (error) {
      without(error);
      return () => undefined;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #withoutHints(error: unknown): void {
    this.logger.debug('store: commits are detected by polling only', { error: messageOf(error) });
  }
}
