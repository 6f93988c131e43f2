import { FlotillaError, type ErrorCode } from '../../../errors.js';
import type { StoreTrouble } from '../../store.js';

/** Failures of the store itself, as opposed to those of a single unit. */
const TROUBLE: ReadonlySet<ErrorCode> = new Set(['store.full', 'store.busy', 'store.io']);

/** What the latest commits say about the store. */
export class CommitHealth {
  #trouble: { code: ErrorCode; since: number } | undefined;
  #lockedSince: number | undefined;
  #provenAt = performance.now();

  /** A commit, or the attempt to begin one, failed. */
  failed(error: unknown): void {
    if (!(error instanceof FlotillaError) || !TROUBLE.has(error.code)) return;
    if (error.code !== 'store.busy') this.#lockedSince = undefined;
    if (this.#trouble?.code === error.code) return;
    this.#trouble = { code: error.code, since: this.#trouble?.since ?? performance.now() };
  }

  /** A commit succeeded. `grew`: it needed space, without which success does not show that a full disk has space again. */
  committed(grew: boolean): void {
    if (grew) this.#provenAt = performance.now();
    if (grew || this.#trouble?.code !== 'store.full') this.#trouble = undefined;
  }

  /** Another process holds the write lock and this one waits for it. */
  lockRefused(): void {
    this.#lockedSince ??= performance.now();
  }

  lockTaken(): void {
    this.#lockedSince = undefined;
  }

  /** Milliseconds since a commit has last shown that the store takes more. */
  get unprovenFor(): number {
    return performance.now() - this.#provenAt;
  }

  get trouble(): StoreTrouble | undefined {
    const now = performance.now();
    if (this.#lockedSince !== undefined) return { code: 'store.busy', for: now - this.#lockedSince };
    return this.#trouble && { code: this.#trouble.code, for: now - this.#trouble.since };
  }
}
