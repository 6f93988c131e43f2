import { FlotillaError, type ErrorCode } from '../../../errors.js';
import type { StoreTrouble } from '../../store.js';

/** Failures of the store itself, as opposed to those of a single unit. */
const TROUBLE: ReadonlySet<ErrorCode> = new Set(['store.full', 'store.busy', 'store.io']);

/** Derives the health of the store from its latest commits. */
export class CommitHealth {
  #trouble: { code: ErrorCode; since: number } | undefined;
  #lockedSince: number | undefined;
  #provenAt = performance.now();
  /** The number of successful commits. */
  commits = 0;

  /** Records that a commit, or the attempt to begin one, failed. */
  failed(error: unknown): void {
    if (!(error instanceof FlotillaError) || !TROUBLE.has(error.code)) return;
    if (error.code !== 'store.busy') this.#lockedSince = undefined;
    if (this.#trouble?.code === error.code) return;
    this.#trouble = { code: error.code, since: this.#trouble?.since ?? performance.now() };
  }

  /** Records a successful commit. `grew`: it needed space; only then does success prove that a full disk has space
   *  again. */
  committed(grew: boolean): void {
    this.commits += 1;
    if (grew) this.#provenAt = performance.now();
    if (grew || this.#trouble?.code !== 'store.full') this.#trouble = undefined;
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

  get trouble(): StoreTrouble | undefined {
    const now = performance.now();
    if (this.#lockedSince !== undefined) return { code: 'store.busy', for: now - this.#lockedSince };
    return this.#trouble && { code: this.#trouble.code, for: now - this.#trouble.since };
  }
}
