import { FlotillaError } from '../../errors.js';
import type { Clock, StartTimer } from '../../concurrency/clock.js';
import { formatDuration } from '../../duration.js';

/** When every run begins: what is stored in runs of one seed is the same to the byte. */
const EPOCH = Date.UTC(2026, 0, 1);

export interface Limits {
  /** Tasks after which a run is taken for endless. */
  tasks: number;
  /** Milliseconds of virtual time after which it is. */
  virtualTime: number;
}

interface Task {
  /** Milliseconds since the beginning. */
  time: number;
  /** Of two tasks at one time, the one that was put first. */
  place: number;
  /** Undefined once it is called off. */
  work: (() => void) | undefined;
}

/** Time that passes only from one task to the next. */
export class VirtualClock implements Clock {
  /** Tasks that have run. */
  tasks = 0;
  #elapsed = 0;
  #places = 0;
  /** A heap: none before the one at half its index. */
  readonly #waiting: Task[] = [];

  /** Milliseconds since the run began. */
  readonly elapsed = (): number => this.#elapsed;

  /** Milliseconds since the epoch. */
  readonly now = (): number => EPOCH + this.#elapsed;

  /** Never in the caller's own task, also after no time. */
  readonly after: StartTimer = (milliseconds, work) => {
    const task: Task = { time: this.#elapsed + Math.max(0, milliseconds), place: this.#places++, work };
    this.#push(task);
    return () => (task.work = undefined);
  };

  /** Runs the tasks, one by one, until there are none; lets all that follows from each come to rest before the next,
   *  and then calls `between`. Rejects with what a task or `between` throws, and with `simulation.endless`. */
  async run(limits: Limits, between: () => void): Promise<void> {
    await rest();
    between();
    for (;;) {
      const task = this.#pop() ?? (await this.#late());
      if (task === undefined) break;
      if (task.work === undefined) continue;
      this.#elapsed = task.time;
      this.tasks += 1;
      if (this.tasks > limits.tasks) throw new FlotillaError('simulation.endless', `${limits.tasks} tasks`);
      if (task.time > limits.virtualTime) {
        throw new FlotillaError('simulation.endless', `${formatDuration(limits.virtualTime)} of virtual time`);
      }
      task.work();
      await rest();
      between();
    }
    between();
  }

  /** A task that is put a turn late: so long a page of the store may take, and a transaction that awaits what it may not is
   *  noticed only then. */
  async #late(): Promise<Task | undefined> {
    await rest();
    return this.#pop();
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
  return one.time < other.time || (one.time === other.time && one.place < other.place);
}

/** Resolves when every promise that can settle by itself has settled. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
