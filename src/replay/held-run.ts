import { FlotillaError } from '../errors.js';
import type { Store } from '../store/contract.js';
import { beat, insertRun, saveRun, takeRun } from './runs.js';
import type { ReplayRun } from './run.js';

export interface HoldTerms {
  /** This process among all others. */
  holder: string;
  /** Milliseconds without a sign of life after which a process counts as dead. @default 10000 */
  live?: number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

export const LIVE = 10_000;
const LOOK = 100;

/** A replay in hand: nobody else runs it, nor another one to its worker, while this process shows that it lives. */
export class HeldRun {
  /** Aborts when it is somebody else's, because this process stood still for too long. */
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> | undefined;

  private constructor(
    private readonly store: Store,
    public run: ReplayRun,
    private readonly terms: HoldTerms,
  ) {
    this.lost = this.#lost.signal;
    this.#timer = setInterval(
      () => {
        this.#beating ??= this.#beat();
      },
      (terms.live ?? LIVE) / 5,
    );
  }

  /** Keeps a new replay and holds it. Rejects with `replay.refused` while another one to the worker is running. */
  static async begin(store: Store, run: ReplayRun, terms: HoldTerms): Promise<HeldRun> {
    await insertRun(store, run, { live: LIVE, ...terms, now: terms.now() });
    return new HeldRun(store, run, terms);
  }

  /** Takes up one that was interrupted; one whose process was killed as soon as that can be told. Rejects with
   *  `replay.refused` when it is done, or when it, or another one to its worker, is running. */
  static async resume(store: Store, run: ReplayRun, terms: HoldTerms, signal: AbortSignal): Promise<HeldRun> {
    const { live = LIVE, now } = terms;
    const until = performance.now() + live * 1.5;
    while (!(await takeRun(store, run, { live, ...terms, now: now() }))) {
      if (performance.now() > until) throw new FlotillaError('replay.refused', `${run.id} is running`);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      signal.throwIfAborted();
    }
    return new HeldRun(store, { ...run, state: 'running' }, terms);
  }

  /** Keeps how far it has come. Rejects with `replay.refused` when it is somebody else's. */
  async save(change: Partial<ReplayRun>): Promise<void> {
    const run = { ...this.run, ...change };
    const kept = await saveRun(this.store, run.id, { holder: this.terms.holder, now: this.terms.now() }, run);
    if (!kept) {
      this.#lost.abort();
      throw new FlotillaError('replay.refused', `${run.id} is run by another process now`);
    }
    this.run = run;
  }

  /** Shows no more sign of life. */
  async letGo(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }

  async #beat(): Promise<void> {
    try {
      const { holder, now } = this.terms;
      if (!(await beat(this.store, this.run.id, { holder, now: now() }))) this.#lost.abort();
    } catch {
      // the store is busy or away: the next save says what is wrong, and the next beat is soon
    } finally {
      this.#beating = undefined;
    }
  }
}
