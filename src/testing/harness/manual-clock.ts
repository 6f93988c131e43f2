import { systemClock, type Clock, type StartTimer } from '../../concurrency/clock.js';

interface Task {
  dueAt: number;
  run: () => void;
}

/** A clock that moves only on request. */
export class ManualClock implements Clock {
  readonly #tasks = new Set<Task>();
  #advanced = 0;

  /** `base`: milliseconds since the epoch, to which the clock adds the time by which it was advanced. */
  constructor(private readonly base: () => number) {}

  readonly now = (): number => this.base() + this.#advanced;

  /** Milliseconds by which it was advanced. */
  readonly elapsed = (): number => this.#advanced;

  after(milliseconds: number, run: () => void): () => void {
    const task = { dueAt: this.now() + milliseconds, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  /** In real time. */
  readonly every = systemClock.every;

  /** Runs after this time on this clock or in real time, whichever comes first, so that a handler that hangs times out
   *  although this clock does not move. */
  readonly afterOrInRealTime: StartTimer = (milliseconds, run) => {
    const runOnce = () => {
      cancel();
      run();
    };
    const cancelTask = this.after(milliseconds, runOnce);
    const cancelTimer = systemClock.after(milliseconds, runOnce);
    const cancel = () => {
      cancelTask();
      cancelTimer();
    };
    return cancel;
  };

  /** When the next task is due. */
  get next(): number | undefined {
    return this.#tasks.size === 0 ? undefined : Math.min(...[...this.#tasks].map(({ dueAt }) => dueAt));
  }

  /** Moves to a time, never backwards, and runs the tasks that are then due. */
  moveTo(time: number): void {
    this.#advanced += Math.max(0, time - this.now());
    const due = [...this.#tasks].filter(({ dueAt }) => dueAt <= this.now()).sort((a, b) => a.dueAt - b.dueAt);
    for (const task of due) if (this.#tasks.delete(task)) task.run();
  }
}
