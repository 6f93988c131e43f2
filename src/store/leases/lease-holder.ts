import { systemClock, type Clock } from '../../concurrency/clock.js';
import { messageOf } from '../../errors.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Lease, LeaseLock, Store } from '../store.js';
import { isStoreGone } from '../is-gone.js';

export interface LeaseOptions {
  name: string;
  holder: string;
  /** Milliseconds until the lease expires, unless it is renewed. */
  ttl: number;
  /** Whether to take the lock of the lease too. @default false */
  locked?: boolean;
  logger: Logger;
  /** Logs the loss of the lease. The caller logs its end. @default a log of its own */
  losses?: FaultLog;
  /** @default the system clock */
  clock?: Clock;
}

/** A lease that this process has acquired; renewed three times within its time to live. */
export class LeaseHolder {
  /** Aborts when another process may hold the lease. */
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #stopRenewing: () => void;
  readonly #clock: Clock;
  readonly #renewals: FaultLog;
  #renewing: Promise<void> | undefined;

  private constructor(
    readonly lease: Lease,
    private validUntil: number,
    private readonly store: Store,
    private readonly options: LeaseOptions,
    private lock: LeaseLock | undefined,
  ) {
    this.lost = this.#lost.signal;
    this.#renewals = new FaultLog(options.logger);
    this.#clock = options.clock ?? systemClock;
    this.#stopRenewing = this.#clock.every(options.ttl / 3, () => (this.#renewing ??= this.#renew()));
  }

  /** Acquires the lease; undefined while another process holds it. `lock`: the lock of the lease, if this process has
   *  it; released with the lease. */
  static async acquire(
    store: Store,
    { lock, ...options }: LeaseOptions & { lock?: LeaseLock | undefined },
  ): Promise<LeaseHolder | undefined> {
    const { name, holder, ttl, clock = systemClock } = options;
    const requestedAt = clock.elapsed();
    let lease: Lease | undefined;
    try {
      lease = await store.acquireLease(name, holder, ttl, lock?.previous);
      if (lease !== undefined) lock?.record(holder);
    } finally {
      if (lease === undefined) lock?.release();
    }
    return lease && new LeaseHolder(lease, requestedAt + ttl, store, options, lock);
  }

  /** Whether this process still holds the lease. Reads the clock: a process that was suspended beyond the end of its
   *  lease detects the loss here, before its timers run. */
  check(): boolean {
    if (this.#clock.elapsed() >= this.validUntil) this.#lose('it was not renewed in time');
    return !this.#lost.signal.aborted;
  }

  /** Marks the lease as lost: a write that it guards was refused. */
  lose(): void {
    this.#lose('another process holds it');
  }

  /** Releases the lease, so that the next holder need not wait for it to expire. Never rejects: if the release
   *  fails, the lease expires. */
  async release(): Promise<void> {
    this.#stopRenewing();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    try {
      await this.store.releaseLease(this.lease);
    } catch (error) {
      if (isStoreGone(error)) return;
      const { logger, name } = this.options;
      logger.warn(`${name}: the lease could not be released`, { error: messageOf(error) });
    } finally {
      this.#unlock();
    }
  }

  async #renew(): Promise<void> {
    const { name, holder, ttl } = this.options;
    const requestedAt = this.#clock.elapsed();
    try {
      const renewed = await this.store.acquireLease(name, holder, ttl);
      if (renewed?.epoch === this.lease.epoch) {
        this.validUntil = requestedAt + ttl;
        this.#renewals.recovered(`${name}: the lease is renewed again`);
      } else this.#lose('another process holds it');
      this.#takeLock();
    } catch (error) {
      this.#renewals.failed(`${name}: the lease could not be renewed; retrying`, { error: messageOf(error) });
      this.check();
    }
    this.#renewing = undefined;
  }

  /** A lease that was acquired after its end is without the lock until the former holder releases that. */
  #takeLock(): void {
    const { name, holder, locked = false } = this.options;
    if (!locked || this.lock !== undefined || this.#lost.signal.aborted) return;
    this.lock = this.store.lockLease(name);
    this.lock?.record(holder);
  }

  #unlock(): void {
    this.lock?.release();
    this.lock = undefined;
  }

  #lose(why: string): void {
    this.#stopRenewing();
    this.#unlock();
    if (this.#lost.signal.aborted) return;
    const { name, logger, losses = new FaultLog(logger) } = this.options;
    losses.failed(`${name}: lost the lease`, { why }, why);
    this.#lost.abort();
  }
}
