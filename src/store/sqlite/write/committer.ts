import { failpoint } from '../../../failpoints.js';
import { FlotillaError } from '../../../errors.js';
import { BoundedLog } from '../../../telemetry/bounded-log.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { ChangeOptions, Tx } from '../../store.js';
import type { CommitHealth } from './commit-health.js';
import type { FileGuard } from '../file-guard.js';
import { isConstraint, storeError } from '../sqlite-errors.js';
import { fail, perform, performStep, performWork, refusalOf, type UnitOutcome, type WriteUnit } from './write-unit.js';
import type { CommitLog } from './wal-sync.js';
import { Watchdog } from './watchdog.js';
import type { WriteLock } from './write-lock.js';
import type { Writer } from './writer.js';

export interface CommitterOptions {
  /** Maximum number of waiting units; more are rejected with `store.overloaded`. */
  maxWaiting: number;
  /** Maximum number of units per transaction. */
  maxGroup: number;
  log: CommitLog;
  health: CommitHealth;
  guard: FileGuard;
  logger: Logger;
  /** Called when a commit is visible. `isNotable`: it has appended events or stored timers. */
  onCommitted: (isNotable: boolean) => void;
  /** Resolves when the next transaction may begin; undefined if it may now. */
  room: () => Promise<void> | undefined;
}

/** A commit is prepared while an earlier one is synced. A third would not be durable sooner, only alone: its units wait
 *  for company. */
const MAX_UNSYNCED_GROUPS = 2;
/** Where others wait for a commit to be visible, it does not wait for company: the next message of an ordered subject. */
const MAX_UNSYNCED_GROUPS_AWAITED = 16;
/** Milliseconds of work in one transaction; bounds how long the event loop is blocked, and lets the sync of one part of
 *  a large backlog overlap with the work of the next. */
const GROUP_TIME_MS = 5;
/** Units that are performed in any case: on a busy machine the time of a group also passes while other processes run,
 *  and each commit of fewer units would cost more than it saves. */
const MIN_GROUP = 16;

/** Units that settle in one turn of the event loop. */
const SETTLED_AT_ONCE = 64;

/** Between two log entries about the same cause of rolled back transactions. */
const ROLLBACK_LOG_INTERVAL_MS = 60_000;

export interface StepOptions extends ChangeOptions {
  /** As in `performStep`. */
  single: boolean;
  /** Whether the step settles once its commit is durable, instead of visible. False for changes that matter only to
   *  processes of this machine, all of which end in a power failure. @default true */
  durable?: boolean;
  /** Whether the step is performed before those that wait, because it must be done by a certain time. @default false */
  urgent?: boolean;
}

/** Commits all waiting units once per turn of the event loop. Each unit has a separate savepoint if it needs one, and
 *  settles after the sync of its commit, so that every reported change is durable. */
export class Committer {
  #waiting: WriteUnit[] = [];
  /** Commits that are visible, but not durable yet. */
  readonly #unsynced = new Set<Promise<void>>();
  #unsyncedUnits = 0;
  /** Durable units that have not settled, in the order of their commits. */
  readonly #synced: { unit: WriteUnit; outcome: UnitOutcome | undefined }[] = [];
  /** Pending while `#synced` contains units. */
  #settling: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #closed = false;
  readonly #watchdog = new Watchdog();
  readonly #rollbacks: BoundedLog;

  constructor(
    private readonly writer: Writer,
    private readonly lock: WriteLock,
    private readonly options: CommitterOptions,
  ) {
    this.#rollbacks = new BoundedLog(options.logger, ROLLBACK_LOG_INTERVAL_MS);
  }

  /** The number of units that have not settled. */
  get waiting(): number {
    return this.#waiting.length + this.#unsyncedUnits + this.#synced.length;
  }

  /** Runs a step of the store itself. */
  submit<T>(step: () => T, { single, ...options }: StepOptions): Promise<T> {
    return this.#enqueue<T>(performStep(step, single), options);
  }

  /** Runs a caller's work. */
  run<T>(work: (tx: Tx) => Promise<T>, options: ChangeOptions = {}): Promise<T> {
    return this.#enqueue<T>(performWork(work), options);
  }

  /** Commits waiting units, then accepts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
    await Promise.all(this.#unsynced);
    await this.#settling;
  }

  #enqueue<T>(
    perform: WriteUnit['perform'],
    { durable = true, urgent = false, change, after }: Omit<StepOptions, 'single'>,
  ): Promise<T> {
    const { guard, maxWaiting } = this.options;
    const refusal = guard.failure ?? refusalOf({ isClosed: this.#closed, waiting: this.waiting, maxWaiting });
    if (refusal !== undefined) {
      change?.settle(false);
      return Promise.reject(refusal);
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting[urgent ? 'unshift' : 'push']({ perform, durable, change, after, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  get #maxUnsynced(): number {
    const isAwaited = this.#waiting.some(({ change }) => change?.isAwaited === true);
    return isAwaited ? MAX_UNSYNCED_GROUPS_AWAITED : MAX_UNSYNCED_GROUPS;
  }

  async #drain(): Promise<void> {
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      while (this.#unsynced.size >= this.#maxUnsynced) await Promise.race(this.#unsynced);
      // the next units are often those that follow from settled ones
      await this.#settling;
      await this.options.room();
      try {
        await this.lock.take();
      } catch (error) {
        const cause = this.#noted(error);
        for (const unit of this.#waiting.splice(0)) fail(unit, cause);
        continue;
      }
      await this.#commit(this.#waiting.splice(0, this.options.maxGroup));
      if (this.#waiting.length > 0) await this.lock.rest();
    }
    this.lock.released();
    this.#draining = undefined;
  }

  /** Performs the units in the open transaction, and commits. Resolves when the commit is visible. */
  async #commit(group: WriteUnit[]): Promise<void> {
    let outcomes: UnitOutcome[] | undefined;
    try {
      outcomes = await this.#perform(group);
      if (outcomes === undefined) return;
      this.writer.commit();
    } catch (error) {
      this.writer.rollback();
      if (isConstraint(error) && group.length > 1) await this.#commitOneByOne(group);
      else this.#abort(group, error, group.length === 1 ? group[0] : undefined);
      return;
    }
    const { appended } = this.writer.events;
    if (appended > 0) failpoint('store.committed');
    for (const { change } of group) change?.settle(true);
    const settle = () => this.#settle(group, outcomes, appended > 0);
    const synced = group.some(({ durable }) => durable) ? this.options.log.barrier() : undefined;
    if (synced === undefined) settle();
    else this.#settleAfter(synced, group, settle);
    // readers begin now, and wait for the same sync
    this.options.onCommitted(appended > 0 || this.writer.timers.scheduled > 0);
  }

  #settleAfter(synced: Promise<void>, group: readonly WriteUnit[], settle: () => void): void {
    this.#unsyncedUnits += group.length;
    const ended = () => {
      this.#unsyncedUnits -= group.length;
      this.#unsynced.delete(settled);
    };
    const settled = synced.then(
      () => {
        ended();
        settle();
      },
      (error: unknown) => {
        ended();
        this.#abort(group, error, undefined);
      },
    );
    this.#unsynced.add(settled);
  }

  #settle(group: readonly WriteUnit[], outcomes: readonly UnitOutcome[], grew: boolean): void {
    try {
      // a commit into a file that no other process sees must not be acknowledged
      this.options.guard.check();
    } catch (error) {
      this.#abort(group, error, undefined);
      return;
    }
    this.options.health.committed(grew);
    for (const [index, unit] of group.entries()) this.#synced.push({ unit, outcome: outcomes[index] });
    if (this.#settling === undefined) {
      const settling = this.#settleSynced();
      if (this.#synced.length > 0) this.#settling = settling;
    }
  }

  /** Settles the units whose commit is durable, in turns of the event loop: what follows from hundreds of them would
   *  block it. */
  async #settleSynced(): Promise<void> {
    for (;;) {
      for (const { unit, outcome } of this.#synced.splice(0, SETTLED_AT_ONCE)) {
        if (outcome?.done === true) unit.resolve(outcome.value);
        else unit.reject(this.#noted(outcome?.error));
      }
      if (this.#synced.length === 0) break;
      await new Promise(setImmediate);
    }
    this.#settling = undefined;
  }

  /** Performs the units; those that exceed the time of a group wait again. Returns undefined if the transaction was
   *  lost; all units are then rejected. */
  async #perform(group: WriteUnit[]): Promise<UnitOutcome[] | undefined> {
    const outcomes: UnitOutcome[] = [];
    const end = performance.now() + GROUP_TIME_MS;
    this.#watchdog.start();
    try {
      for (const unit of group) {
        const performed = perform(unit, this.writer, this.#watchdog);
        const outcome = performed instanceof Promise ? await performed : performed;
        if (!this.writer.open) {
          this.writer.rollback();
          this.#abort(group, outcome.done ? undefined : outcome.error, unit);
          return undefined;
        }
        if (!outcome.done) unit.change?.settle(false);
        outcomes.push(outcome);
        if (outcomes.length >= MIN_GROUP && performance.now() > end)
          this.#waiting.unshift(...group.splice(outcomes.length));
      }
      return outcomes;
    } finally {
      this.#watchdog.stop();
    }
  }

  /** Commits each unit separately: a deferred constraint fails the COMMIT without naming the unit. */
  async #commitOneByOne(group: readonly WriteUnit[]): Promise<void> {
    for (const unit of group) {
      try {
        await this.lock.take();
      } catch (error) {
        fail(unit, this.#noted(error));
        continue;
      }
      await this.#commit([unit]);
    }
  }

  #abort(group: readonly WriteUnit[], error: unknown, culprit: WriteUnit | undefined): void {
    const cause = this.#noted(error);
    // a failure that ends the process is logged by the process
    const { guard } = this.options;
    if (guard.failure === undefined) {
      const fields = { units: group.length, error: String(cause) };
      this.#rollbacks.log('error', fields.error, 'store: transactions were rolled back', fields);
    }
    for (const unit of group) {
      const reason = unit === culprit || (culprit === undefined && cause instanceof FlotillaError) ? cause : undefined;
      fail(unit, reason ?? new FlotillaError('store.group_aborted', undefined, { cause }));
    }
  }

  /** Returns the error to report, and records failures of the store itself. */
  #noted(error: unknown): unknown {
    const { guard, health } = this.options;
    const found = guard.note(error);
    const known = found instanceof Error ? storeError(found) : found;
    health.failed(known);
    return known;
  }
}
