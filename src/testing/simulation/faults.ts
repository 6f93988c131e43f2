/** What goes wrong in a run. Deliveries, commits, calls and copies are counted from 1, over all workers. A delivery is one
 *  message for one worker: copies of it, and its later attempts, have its number. Each fault happens once, the first time
 *  that it can; the same fault twice happens twice. Times are milliseconds. */
export type Fault =
  /** The message vanishes where `mayDrop` allows it. Otherwise it comes later, as one that was delivered before. */
  | { kind: 'drop'; delivery: number }
  /** The message comes once more, so much after the first. */
  | { kind: 'duplicate'; delivery: number; after: number }
  | { kind: 'delay'; delivery: number; by: number }
  /** The process dies when it is handed the message. Like every process that dies, it leaves what it had in hand to be
   *  delivered again, and starts again after a while. */
  | { kind: 'crash'; delivery: number }
  /** It dies in place of the commit, or once that is done and before anybody hears of it. */
  | { kind: 'crash'; commit: number; when: 'before' | 'after' }
  /** It dies when the copy of a failed message is in its retry queue, or among the dead letters, and the message not acked. */
  | { kind: 'crash'; copy: number }
  /** A call outside. `unavailable`: it has no effect. `answer_lost`: it has, and the caller hears that nobody answered.
   *  `crash`: it has, and the caller dies. */
  | { kind: 'call'; call: number; outcome: CallOutcome };

export type FaultKind = Fault['kind'];
export type CallOutcome = 'unavailable' | 'answer_lost' | 'crash';

/** The faults of a run that have not happened yet. */
export class FaultPlan {
  readonly #left: Fault[];

  constructor(faults: readonly Fault[]) {
    this.#left = [...faults];
  }

  /** Those that never came to pass. */
  get left(): readonly Fault[] {
    return this.#left;
  }

  isDropped(delivery: number): boolean {
    return this.#take((fault) => fault.kind === 'drop' && fault.delivery === delivery) !== undefined;
  }

  /** After how long each further copy comes. */
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
