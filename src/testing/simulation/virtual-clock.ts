import { FlotillaError } from '../../errors.js';
import type { Clock, StartTimer } from '../../concurrency/clock.js';
import { formatDuration } from '../../duration.js';

/** The start time of every run, fixed so that runs of one seed store identical bytes. */
const EPOCH = Date.UTC(2026, 0, 1);

export interface Limits {
  /** Maximum number of tasks; with more, a run counts as endless. */
  tasks: number;
  /** Maximum virtual time in milliseconds; beyond it, a run counts as endless. */
  virtualTime: number;
}

interface Task {
  /** Milliseconds since the start of the run. */
  time: number;
  /** Orders tasks of the same time by creation. */
  order: number;
  /** Undefined after cancellation. */
  work: (() => void) | undefined;
  /** Whether a run ends although it waits. */
  isBackground: boolean;
}

/** A clock that advances only from one task to the next. */
export class VirtualClock implements Clock {
  /** Tasks that have run. */
  tasks = 0;
  #elapsed = 0;
  #orders = 0;
  /** A binary heap. */
  readonly #waiting: Task[] = [];
  /** How many of the waiting tasks keep the run going. */
  #kept = 0;

  /** Milliseconds since the run began. */
  readonly elapsed = (): number => this.#elapsed;

  /** Milliseconds since the epoch. */
  readonly now = (): number => EPOCH + this.#elapsed;

  /** Never runs in the caller's task, even after 0 ms. */
  readonly after: StartTimer = (milliseconds, work) => {
    const task = this.#schedule(milliseconds, work, false);
    return () => this.#cancel(task);
  };

  readonly every: StartTimer = (milliseconds, work) => {
    const again = () => {
      task = this.#schedule(milliseconds, again, true);
      work();
    };
    let task = this.#schedule(milliseconds, again, true);
    return () => this.#cancel(task);
  };

  /** Runs the tasks one by one until none is left, except for those of `every`. Before each task, all promises that can settle have settled and
   *  `between` has run. Rejects with the error of a task or of `between`, and with `simulation.endless`. */
  async run(limits: Limits, between: () => void): Promise<void> {
    await settleAll();
    between();
    for (;;) {
      const task = this.#next() ?? (await this.#late());
      if (task === undefined) break;
      if (task.work === undefined) continue;
      this.#elapsed = task.time;
      this.tasks += 1;
      if (!task.isBackground) this.#kept -= 1;
      if (this.tasks > limits.tasks) throw new FlotillaError('simulation.endless', `${limits.tasks} tasks`);
      if (task.time > limits.virtualTime) {
        throw new FlotillaError('simulation.endless', `${formatDuration(limits.virtualTime)} of virtual time`);
      }
      const { work } = task;
      task.work = undefined;
      work();
      await settleAll();
      between();
    }
    between();
  }

  /** A task that is added one event-loop tick late: a page of the store may take that long, and a transaction that
   *  awaits anything else is detected only then. */
  async #late(): Promise<Task | undefined> {
    await settleAll();
    return this.#next();
  }

  #schedule(milliseconds: number, work: () => void, isBackground: boolean): Task {
    const time = this.#elapsed + Math.max(0, milliseconds);
    const task: Task = { time, order: this.#orders++, work, isBackground };
    if (!isBackground) this.#kept += 1;
    this.#push(task);
    return task;
  }

  #cancel(task: Task): void {
    if (task.work !== undefined && !task.isBackground) this.#kept -= 1;
    task.work = undefined;
  }

  #next(): Task | undefined {
    return this.#kept > 0 ? this.#pop() : undefined;
  }

  #push(task: Task): void {
    const heap = this.#waiting;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, task)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#waiting;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}

/** Resolves when every promise that depends only on promises has settled. */
function settleAll(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
