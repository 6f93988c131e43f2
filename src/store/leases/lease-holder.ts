import { messageOf } from '../../errors.js';
import type { Lease, Store } from '../contract.js';
import type { Logger } from '../../telemetry/logger.js';

export interface LeaseOptions {
  name: string;
  holder: string;
  /** Milliseconds that it lasts unless it is renewed. */
  ttl: number;
  logger: Logger;
}

/** A lease in hand, renewed three times within its time to live. */
export class LeaseHolder {
  /** Aborts when somebody else may hold it. */
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<void> | undefined;

  private constructor(
    readonly lease: Lease,
    private validUntil: number,
    private readonly store: Store,
    private readonly terms: LeaseOptions,
  ) {
    this.lost = this.#lost.signal;
    this.#timer = setInterval(() => {
      this.#renewing ??= this.#renew();
    }, terms.ttl / 3);
  }

  /** Takes the lease; undefined while somebody else holds it. */
  static async acquire(store: Store, terms: LeaseOptions): Promise<LeaseHolder | undefined> {
    const asked = performance.now();
    const lease = await store.acquireLease(terms.name, terms.holder, terms.ttl);
    return lease && new LeaseHolder(lease, asked + terms.ttl, store, terms);
  }

  /** Whether it is still this process's turn. Looks at the clock: a process that stood still for longer than the lease
   *  lasts finds out here, before its timers do. */
  check(): boolean {
    if (performance.now() >= this.validUntil) this.#lose('it was not renewed in time');
    return !this.#lost.signal.aborted;
  }

  /** Another process has moved on. */
  lose(): void {
    this.#lose('another process holds it');
  }

  /** Gives it back, so that the next holder need not wait for its end. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    if (!this.#lost.signal.aborted) await this.store.releaseLease(this.lease);
  }

  async #renew(): Promise<void> {
    const { name, holder, ttl, logger } = this.terms;
    const asked = performance.now();
    try {
      const renewed = await this.store.acquireLease(name, holder, ttl);
      if (renewed?.epoch === this.lease.epoch) this.validUntil = asked + ttl;
      else this.#lose('another process holds it');
    } catch (error) {
      logger.warn(`${name}: the lease could not be renewed, trying again`, { error: messageOf(error) });
      this.check();
    }
    this.#renewing = undefined;
  }

  #lose(why: string): void {
    clearInterval(this.#timer);
    if (this.#lost.signal.aborted) return;
    this.terms.logger.warn(`${this.terms.name}: lost the lease`, { why });
    this.#lost.abort();
  }
}
