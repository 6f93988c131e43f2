import { sleep } from '../../concurrency/sleep.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { messageOf } from '../../errors.js';
import { leadOnce } from '../../store/leases/leader-loop.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import type { PreparedWorker } from '../prepare.js';
import { QuarantineMetrics } from './quarantine-metrics.js';
import { isAnyFollowerFirst, summarizeQuarantine, type QuarantinedKind } from './quarantine-summary.js';
import { reconcileQuarantine } from './reconcile.js';
import type { Releaser } from './releaser.js';

/** While nothing is quarantined, only memory is read at this interval. */
const POLL_INTERVAL_MS = 5_000;
/** Between two rounds: many rows change at once. */
const MIN_INTERVAL_MS = 50;
/** Rows are counted for at most this share of the time. */
const MAX_COUNTING_SHARE = 0.02;
/** How often the number of rows is compared with that of the messages. */
const COMPARE_INTERVAL_MS = 60_000;
const LEASE_TTL_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/** Reports what is quarantined of a worker, and releases what this process can read, one process at a time: the holder of
 *  the lease `quarantine:<worker>`. A process competes for it only if it may be able to read something, so that an older
 *  release does not hold it. Without quarantined messages, neither the store nor the broker is read. */
export class ReleaseLoop {
  readonly #wakeup = new Wakeup();
  readonly #faults: FaultLog;
  readonly #metrics: QuarantineMetrics;
  /** Milliseconds of the monotonic clock. */
  #comparedAt = -Infinity;
  #differed = true;
  #countingTime = 0;
  #pause = 0;
  #pausedUntil = -Infinity;

  constructor(
    private readonly worker: PreparedWorker,
    private readonly context: WorkerPipelineContext,
    private readonly releaser: Releaser,
  ) {
    this.#faults = new FaultLog(worker.logger);
    this.#metrics = new QuarantineMetrics(worker.metrics, context.name);
  }

  /** Resolves when the signal of the context aborts. Never rejects. */
  async run(): Promise<void> {
    const { quarantined, gate, signal } = this.context;
    const wake = () => this.#wakeup.notify();
    const stopListening = [quarantined.onChange(wake), gate.onChange(wake)];
    signal.addEventListener('abort', wake);
    while (!signal.aborted) {
      try {
        await this.#round();
        this.#faults.recovered('Quarantined messages are examined again');
      } catch (error) {
        if (!signal.aborted)
          this.#faults.failed('Quarantined messages could not be examined; retrying', { error: messageOf(error) });
      }
      await this.#wakeup.wait(Math.max(MIN_INTERVAL_MS, Math.min(POLL_INTERVAL_MS, this.#pauseLeft)));
      await sleep(Math.max(MIN_INTERVAL_MS, this.#countingTime / MAX_COUNTING_SHARE), signal);
    }
    signal.removeEventListener('abort', wake);
    for (const stop of stopListening) stop();
  }

  get #pauseLeft(): number {
    const left = this.#pausedUntil - performance.now();
    return left > 0 ? left : Infinity;
  }

  async #round(): Promise<void> {
    const { quarantined } = this.context;
    if (quarantined.isEmpty && this.#comparedAt > -Infinity) {
      this.#report([]);
      return;
    }
    const began = performance.now();
    const kinds = await summarizeQuarantine(this.worker.store.query, this.context.name);
    this.#countingTime = performance.now() - began;
    this.#report(kinds);
    const isDifferent = await this.#compare(kinds);
    if (!this.releaser.isAllowed || performance.now() < this.#pausedUntil) return;
    if (isDifferent || (await this.#mayRelease(kinds))) await this.#lead(isDifferent);
  }

  #report(kinds: readonly QuarantinedKind[]): void {
    this.#metrics.report(kinds, this.context.clock.now());
    this.context.quarantineLog.remaining(kinds.filter(({ reason }) => reason !== 'behind'));
  }

  /** Whether there are repeatedly more messages than rows, or fewer: for a moment a message may have only one of them. */
  async #compare(kinds: readonly QuarantinedKind[]): Promise<boolean> {
    const { names, name } = this.context;
    if (performance.now() - this.#comparedAt < COMPARE_INTERVAL_MS) return false;
    const { ready = 0 } = (await this.worker.broker.queueDepth(names.newer(name))) ?? {};
    this.#comparedAt = performance.now();
    const differedBefore = this.#differed;
    this.#differed = ready !== kinds.reduce((sum, { count }) => sum + count, 0);
    return this.#differed && differedBefore;
  }

  /** Whether there may be a message that this process can read and that no other one precedes. */
  async #mayRelease(kinds: readonly QuarantinedKind[]): Promise<boolean> {
    const { quarantined, name } = this.context;
    if (kinds.length === 0) return false;
    const unread = kinds.filter(({ reason }) => reason !== 'behind');
    if (unread.length === 0 || unread.some((kind) => !quarantined.unreadable.has(kind))) return true;
    return isAnyFollowerFirst(this.worker.store.query, name);
  }

  /** Releases messages while this process holds the lease. Pauses afterwards if nothing could be released. */
  async #lead(reconciles: boolean): Promise<void> {
    const { store, instance, logger, leaseTtl: ttl = LEASE_TTL_MS } = this.worker;
    const { name: worker, signal } = this.context;
    let released = 0;
    const lease = { store, name: `quarantine:${worker}`, holder: instance, ttl, logger, signal };
    await leadOnce(lease, async (leading) => {
      if (reconciles) await this.#reconcile(leading);
      released += await this.releaser.release(leading);
    });
    if (signal.aborted) return;
    if (released > 0) logger.info('Released quarantined messages', { count: released });
    this.#pause = released > 0 ? 0 : Math.min(Math.max(this.#pause * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#pausedUntil = performance.now() + this.#pause;
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    const { broker, logger, clock } = this.worker;
    const { names, name, quarantined: record } = this.context;
    await reconcileQuarantine({ broker, names, worker: name, record, clock, logger, signal });
  }
}
