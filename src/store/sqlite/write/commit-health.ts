import { FlotillaError, type ErrorCode } from '../../../errors.js';
import type { StoreFailure } from '../../store.js';

/** Failures of the store itself, as opposed to those of a single unit. */
const STORE_FAILURES: ReadonlySet<ErrorCode> = new Set(['store.full', 'store.busy', 'store.io']);

/** Derives the health of the store from its latest commits. */
export class CommitHealth {
  #failure: { code: ErrorCode; since: number } | undefined;
  #lockedSince: number | undefined;
  #provenAt = performance.now();
  /** The number of successful commits. */
  commits = 0;

  /** Records that a commit, or the attempt to begin one, failed. */
  failed(error: unknown): void {
    if (!(error instanceof FlotillaError) || !STORE_FAILURES.has(error.code)) return;
    if (error.code !== 'store.busy') this.#lockedSince = undefined;
    if (this.#failure?.code === error.code) return;
    this.#failure = { code: error.code, since: this.#failure?.since ?? performance.now() };
  }

  /** Records a successful commit. `grew`: it needed space; only then does success prove that a full disk has space
   *  again. */
  committed(grew: boolean): void {
    this.commits += 1;
    if (grew) this.#provenAt = performance.now();
    if (grew || this.#failure?.code !== 'store.full') this.#failure = undefined;
  }

  /** Records that another process holds the write lock and this one waits for it. */
  lockRefused(): void {
    this.#lockedSince ??= performance.now();
  }

  lockTaken(): void {
    this.#lockedSince = undefined;
  }

  /** Milliseconds since the last commit that needed space. */
  get unprovenFor(): number {
    return performance.now() - this.#provenAt;
  }

  get failure(): StoreFailure | undefined {
    const now = performance.now();
    if (this.#lockedSince !== undefined) return { code: 'store.busy', for: now - this.#lockedSince };
    return this.#failure && { code: this.#failure.code, for: now - this.#failure.since };
  }
}
