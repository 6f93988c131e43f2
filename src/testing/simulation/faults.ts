/** An injected fault of a run. Deliveries, commits, calls and copies are counted from 1, over all workers. A delivery
 *  is one message for one worker: its copies and later attempts have the same number. Each fault happens once, at the
 *  first opportunity; a fault that is listed twice happens twice. Times are milliseconds. */
export type Fault =
  /** The message is lost if `mayDrop` allows it. Otherwise it is delivered later, as redelivered. */
  | { kind: 'drop'; delivery: number }
  /** A copy of the message is delivered this time after the first. */
  | { kind: 'duplicate'; delivery: number; after: number }
  /** In a partition, later messages of the same service wait behind it; see `simulation`. */
  | { kind: 'delay'; delivery: number; by: number }
  /** The process crashes when the message is delivered. As after every crash, its messages in flight are redelivered,
   *  and it restarts after a delay. */
  | { kind: 'crash'; delivery: number }
  /** The process crashes instead of the commit, or right after it. */
  | { kind: 'crash'; commit: number; when: 'before' | 'after' }
  /** The process crashes when the copy of a failed message is in its retry queue or dead-letter queue, before the
   *  message is acked. */
  | { kind: 'crash'; copy: number }
  /** A fault of an external call. `unavailable`: the call has no effect. `answer_lost`: it takes effect, but the caller
   *  receives no answer. `crash`: it takes effect, and the caller crashes. */
  | { kind: 'call'; call: number; outcome: CallOutcome };

/** The kind of an injected fault. */
export type FaultKind = Fault['kind'];
/** The effect of a fault on an external call: see `Fault`. */
export type CallOutcome = 'unavailable' | 'answer_lost' | 'crash';

/** The faults of a run that have not happened yet. Each method removes the faults that it returns. */
export class FaultPlan {
  readonly #left: Fault[];

  constructor(faults: readonly Fault[]) {
    this.#left = [...faults];
  }

  get remaining(): readonly Fault[] {
    return this.#left;
  }

  isDropped(delivery: number): boolean {
    return this.#take((fault) => fault.kind === 'drop' && fault.delivery === delivery) !== undefined;
  }

  /** The delays of additional copies. */
  duplicates(delivery: number): number[] {
    return this.#all((fault) => fault.kind === 'duplicate' && fault.delivery === delivery && fault.after);
  }

  delay(delivery: number): number {
    return this.#all((fault) => fault.kind === 'delay' && fault.delivery === delivery && fault.by).reduce(
      (sum, by) => sum + by,
      0,
    );
  }

  isCrashAtDelivery(delivery: number): boolean {
    return (
      this.#take((each) => each.kind === 'crash' && 'delivery' in each && each.delivery === delivery) !== undefined
    );
  }

  isCrashAtCopy(copy: number): boolean {
    return this.#take((each) => each.kind === 'crash' && 'copy' in each && each.copy === copy) !== undefined;
  }

  crashAtCommit(commit: number): 'before' | 'after' | undefined {
    const fault = this.#take((each) => each.kind === 'crash' && 'commit' in each && each.commit === commit);
    return fault !== undefined && 'when' in fault ? fault.when : undefined;
  }

  call(call: number): CallOutcome | undefined {
    const fault = this.#take((each) => each.kind === 'call' && each.call === call);
    return fault?.kind === 'call' ? fault.outcome : undefined;
  }

  #take(fits: (fault: Fault) => boolean): Fault | undefined {
    const at = this.#left.findIndex(fits);
    return at === -1 ? undefined : this.#left.splice(at, 1)[0];
  }

  #all(value: (fault: Fault) => number | false): number[] {
    const found: number[] = [];
    for (const fault of [...this.#left]) {
      const each = value(fault);
      if (each === false) continue;
      this.#left.splice(this.#left.indexOf(fault), 1);
      found.push(each);
    }
    return found;
  }
}
