import { open, fdatasync, close } from 'node:fs';
import { promisify } from 'node:util';

/** Makes commits durable outside the event loop. */
export interface CommitLog {
  /** Resolves when all commits that are visible now are durable, including those of other processes; undefined if they
   *  are. Must be called in the turn in which the data was read or committed. */
  barrier(): Promise<void> | undefined;
  /** The number of syncs. */
  readonly syncs: number;
  close(): Promise<void>;
}

/** The commit log of a store in memory, which is never durable. */
export const noCommitLog: CommitLog = { barrier: () => undefined, syncs: 0, close: () => Promise.resolve() };

export interface WalSyncOptions {
  /** Returns a value that changes with every commit of any connection (`PRAGMA data_version` of one that never
   *  writes). */
  version: () => unknown;
  /** Syncs the write-ahead log. A rejection must be final: after a failed sync the system may report later ones as
   *  successful although data was lost. */
  sync: () => Promise<void>;
  close?: () => Promise<void>;
}

/**
 * Syncs the write-ahead log of a file in libuv's thread pool. In WAL mode with `synchronous = NORMAL`, a commit is
 * visible before it is durable. A sync covers all commits that were visible when it began, of every process, because
 * they are in the same log. One sync runs at a time; the next one is shared by all callers that wait for it.
 */
export class WalSync implements CommitLog {
  syncs = 0;
  /** The version up to which commits are durable. */
  #durable: unknown;
  #running: { covers: unknown; done: Promise<void> } | undefined;
  #next: Promise<void> | undefined;

  constructor(private readonly options: WalSyncOptions) {}

  barrier(): Promise<void> | undefined {
    const version = this.#version();
    if (version === this.#durable) return undefined;
    if (this.#running === undefined) return this.#start(version);
    if (this.#running.covers === version) return this.#running.done;
    this.#next ??= this.#running.done.then(() => {
      this.#next = undefined;
      return this.#start(this.#version());
    });
    return this.#next;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#next, this.#running?.done]);
    await this.options.close?.();
  }

  /** Returns a version that no sync covers if the file is locked now. */
  #version(): unknown {
    try {
      return this.options.version();
    } catch {
      return Symbol('unknown');
    }
  }

  #start(covers: unknown): Promise<void> {
    this.syncs += 1;
    const done = this.options.sync().then(() => {
      this.#running = undefined;
      this.#durable = covers;
    });
    this.#running = { covers, done };
    return done;
  }
}

/** Opens the write-ahead log beside the database. SQLite keeps its locks in other files, so that this descriptor
 *  releases none of them. */
export async function openWal(path: string): Promise<Required<Pick<WalSyncOptions, 'sync' | 'close'>>> {
  const descriptor = await promisify(open)(`${path}-wal`, 'r+');
  const [sync, end] = [promisify(fdatasync), promisify(close)];
  return { sync: () => sync(descriptor), close: () => end(descriptor) };
}
