import type { Clock, StartTimer } from '../../../concurrency/clock.js';
import type { CrashableProcess, RunState } from '../run-state.js';

/** A process that can crash at any time: after the crash, no promise of its store, its broker or an external call settles, and no
 *  timer fires. */
export abstract class Crashable implements CrashableProcess {
  #isAlive = true;
  readonly #timers = new Set<() => void>();

  constructor(
    readonly label: string,
    protected readonly state: RunState,
  ) {}

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** The clock of the run, whose timers end with the process. */
  protected get clock(): Clock {
    const { now, elapsed } = this.state.clock;
    return { now, elapsed, after: this.timer('after'), every: this.timer('every') };
  }

  /** Settles with the work; never settles if the process has crashed. */
  guard<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#isAlive) return;
      work().then(
        (value) => this.#isAlive && resolve(value),
        (error: unknown) => this.#isAlive && reject(error as Error),
      );
    });
  }

  abstract commit<T>(work: () => Promise<T>): Promise<T>;

  notify(topic: string, listener: () => void): void {
    this.timer('after')(this.state.latencies.hop(`${topic} ${this.label}`), listener);
  }

  abstract crash(how: string): void;

  /** Ends the process; false if it has ended before. */
  protected end(): boolean {
    if (!this.#isAlive) return false;
    this.#isAlive = false;
    for (const cancel of this.#timers) cancel();
    return true;
  }

  protected timer(kind: 'after' | 'every'): StartTimer {
    return (milliseconds, work) => {
      if (!this.#isAlive) return () => undefined;
      const cancel = this.state.clock[kind](milliseconds, () => {
        if (kind === 'after') this.#timers.delete(cancel);
        work();
      });
      this.#timers.add(cancel);
      return () => {
        this.#timers.delete(cancel);
        cancel();
      };
    };
  }
}
