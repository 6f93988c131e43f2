import { alignedInterval } from '../concurrency/aligned-interval.js';
import { aborted } from '../concurrency/aborted.js';
import { errors, messageOf } from '../errors.js';
import { FaultLogs } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { describeVacancy } from './leases/lease-ledger.js';
import type { Store, StoreHealth } from './store.js';

export interface StoreWatchOptions {
  store: Pick<Store, 'service' | 'health' | 'probe'>;
  logger: Logger;
  metrics: Metrics;
  /** Milliseconds between two evaluations. @default 1000 */
  interval?: number;
  /** Milliseconds that another process may hold the write lock before this counts as a failure. @default 5000 */
  lockLimit?: number;
  /** Milliseconds without a commit that needed space, after which a probe is written. @default 30000 */
  probeAfter?: number;
}

/** Milliseconds between two probes while commits fail. */
const PROBE_INTERVAL_MS = 2_000;

/** Reports failures of a store: failing commits, a write lock that another process keeps, leases without a holder
 *  (relay and timers, projections, readers of the log). Each is logged as a warning once a minute, counted in a
 *  metric, and makes the process not ready. A probe tests commits when nothing else needs space or commits fail. */
export class StoreWatch {
  readonly #faults: FaultLogs;
  #vacantBefore: ReadonlySet<string> = new Set();
  /** Leases that were vacant in two consecutive evaluations: a suspended process sees its own leases expire first. */
  #vacant: StoreHealth['vacant'] = [];
  #probe: Promise<void> | undefined;
  #probedAt = -Infinity;
  #commits = 0;
  #syncs = 0;

  constructor(private readonly options: StoreWatchOptions) {
    this.#faults = new FaultLogs(options.logger);
  }

  /** For `/readyz`: whether commits succeed and leases have holders, or the reasons why not. Reads memory only. */
  check(): { ok: boolean; detail: string } {
    const failure = this.#failure(this.options.store.health());
    const reasons = [...(failure === undefined ? [] : [failure]), ...this.#vacant.map(describeVacancy)];
    return reasons.length === 0 ? { ok: true, detail: 'commits' } : { ok: false, detail: reasons.join('; ') };
  }

  /** Evaluates until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { interval = 1_000 } = this.options;
    this.#evaluate();
    const stop = alignedInterval(interval, () => {
      this.#evaluate();
    });
    await aborted(signal);
    stop();
    await this.#probe;
  }

  #evaluate(): void {
    const { store, metrics } = this.options;
    const { service } = store;
    const health = store.health();
    metrics.storeCommits.inc({ service }, health.commits - this.#commits);
    this.#commits = health.commits;
    metrics.storeSyncs.inc({ service }, health.syncs - this.#syncs);
    this.#syncs = health.syncs;
    const vacant = health.vacant.filter(({ name }) => this.#vacantBefore.has(name));
    for (const { name } of this.#vacant) metrics.leaseVacant.set({ service, lease: name }, 0);
    for (const lease of vacant) metrics.leaseVacant.set({ service, lease: lease.name }, lease.for / 1_000);
    this.#vacantBefore = new Set(health.vacant.map(({ name }) => name));
    this.#vacant = vacant;
    const failing = this.#failure(health);
    metrics.storeFailing.set({ service }, failing === undefined ? 0 : 1);
    this.#report(
      new Map([
        ...(failing === undefined ? [] : [['commits', failing] as const]),
        ...vacant.map((lease) => [`lease ${lease.name}`, describeVacancy(lease)] as const),
      ]),
    );
    this.#probeWhenDue(health);
  }

  /** Describes the failure of commits; undefined if there is none. */
  #failure({ failure }: StoreHealth): string | undefined {
    const { lockLimit = 5_000 } = this.options;
    if (failure === undefined || (failure.code === 'store.busy' && failure.for < lockLimit)) return undefined;
    const { message, remedy } = errors[failure.code];
    return `${failure.code} for ${seconds(failure.for)}: ${message}. ${remedy.replace(/\.$/, '')}`;
  }

  #report(conditions: ReadonlyMap<string, string>): void {
    const { service } = this.options.store;
    for (const [condition, reason] of conditions) {
      this.#faults.of(condition).failed(`store ${service}: ${reason}`, {}, condition);
    }
    for (const [condition, fault] of this.#faults.entries()) {
      if (!conditions.has(condition)) fault.recovered(`store ${service}: ${condition} recovered`);
    }
  }

  #probeWhenDue({ failure, unprovenFor }: StoreHealth): void {
    const { store, logger, probeAfter = 30_000 } = this.options;
    const due = failure === undefined ? probeAfter : PROBE_INTERVAL_MS;
    const now = performance.now();
    if (this.#probe !== undefined || unprovenFor < due || now - this.#probedAt < due) return;
    this.#probedAt = now;
    this.#probe = store
      .probe()
      .catch((error: unknown) => {
        logger.debug(`store ${store.service}: the probe failed`, { error: messageOf(error) });
      })
      .finally(() => (this.#probe = undefined));
  }
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1_000)} s`;
}
