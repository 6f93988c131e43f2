import { Backoff } from '../../concurrency/backoff.js';

/** The kept part of a deferred event; its body is read again from the store. */
export interface DeferredEvent {
  readonly stream: string;
  readonly position: number;
  readonly type: string;
}

export interface DeferredOptions {
  /** Delays between two attempts for events of one type, in milliseconds. */
  retry: { first: number; most: number };
  /** Maximum number of events of one type in flight. */
  window: number;
  /** Returns the time of a monotonic clock, in milliseconds. */
  now: () => number;
  random?: () => number;
}

/** Changes to save: an event is saved before the checkpoint passes it, and deleted after its confirm. */
export interface DeferredChanges {
  added: number[];
  removed: number[];
}

/** The deferred events of a subject. Only the first is published; the others follow in order. */
interface Subject {
  readonly events: DeferredEvent[];
  inFlight: { attempt: number } | undefined;
}

/** The subjects whose first deferred event has this type: a refusal usually concerns all events that reach one
 *  queue. */
interface TypeQueue {
  /** Subjects to publish, the least recently tried first. */
  readonly waiting: Set<string>;
  readonly backoff: Backoff;
  inFlight: number;
  /** Maximum number in flight: one after a refusal, one more with each confirm, so that it doubles with each round. */
  allowed: number;
  dueAt: number;
  /** Rises with each refusal: results of earlier attempts are ignored. */
  attempt: number;
}

/** The events that the broker has refused, and later events of their subjects. Of the refused events of one type, a
 *  single one is tried at a time, with growing delays, because each attempt is a duplicate in every queue that
 *  accepts it. After a confirm, the number in flight grows. Of one subject, one event is in flight at a time. */
export class DeferredEvents {
  readonly #subjects = new Map<string, Subject>();
  readonly #types = new Map<string, TypeQueue>();
  readonly #added = new Set<number>();
  readonly #removed = new Set<number>();
  size = 0;
  inFlight = 0;

  constructor(private readonly options: DeferredOptions) {}

  /** Whether later events of this subject must wait, too. */
  has(stream: string): boolean {
    return this.#subjects.has(stream);
  }

  /** The types of the first deferred events. */
  get types(): string[] {
    return [...this.#types.keys()];
  }

  /** Adds an event after the others of its subject. `saved`: a former holder of the lease has already deferred it. */
  add(event: DeferredEvent, { saved = false } = {}): void {
    this.size += 1;
    if (!saved) this.#added.add(event.position);
    const { stream, position, type } = event;
    const subject = this.#subjects.get(stream);
    if (subject !== undefined) {
      subject.events.push({ stream, position, type });
      return;
    }
    this.#subjects.set(stream, { events: [{ stream, position, type }], inFlight: undefined });
    this.#queue(type).waiting.add(stream);
  }

  /** Records that an event of this type was refused when it was first published. */
  refusedFirst(type: string): void {
    const queue = this.#queue(type);
    // refusals arrive in bursts: one delay is enough
    if (queue.dueAt <= this.options.now()) this.#backOff(queue);
  }

  /** Returns the events to publish now; they count as in flight. */
  takeDue(): DeferredEvent[] {
    const now = this.options.now();
    const due: DeferredEvent[] = [];
    for (const queue of this.#types.values()) {
      if (now < queue.dueAt) continue;
      for (const stream of queue.waiting) {
        if (queue.inFlight >= queue.allowed) break;
        const subject = this.#subjects.get(stream);
        const [event] = subject?.events ?? [];
        queue.waiting.delete(stream);
        if (subject === undefined || event === undefined) continue;
        subject.inFlight = { attempt: queue.attempt };
        queue.inFlight += 1;
        this.inFlight += 1;
        due.push(event);
      }
    }
    return due;
  }

  /** Whether a single event is due as a probe, after the last event of its type was refused. */
  isProbeDue(): boolean {
    const now = this.options.now();
    return [...this.#types.values()].some(
      ({ waiting, inFlight, attempt, allowed, dueAt }) =>
        waiting.size > 0 && inFlight === 0 && allowed === 1 && attempt > 0 && dueAt <= now,
    );
  }

  /** Returns when `takeDue` next returns an event. */
  nextDueAt(): number {
    let next = Infinity;
    for (const { waiting, inFlight, allowed, dueAt } of this.#types.values()) {
      if (waiting.size > 0 && inFlight < allowed) next = Math.min(next, dueAt);
    }
    return next;
  }

  /** Records a confirm of an event in flight. Returns true when no event of its type waits any longer. */
  confirmed(event: DeferredEvent): boolean {
    const { attempt } = this.#settle(event) ?? {};
    const queue = this.#types.get(event.type);
    const subject = this.#subjects.get(event.stream);
    if (attempt === undefined || queue === undefined || subject === undefined) return false;
    subject.events.shift();
    this.size -= 1;
    if (!this.#added.delete(event.position)) this.#removed.add(event.position);
    if (attempt === queue.attempt) {
      queue.allowed = Math.min(queue.allowed + 1, this.options.window);
      queue.dueAt = 0;
      queue.backoff.ease();
    }
    const [next] = subject.events;
    if (next === undefined) this.#subjects.delete(event.stream);
    else this.#queue(next.type).waiting.add(event.stream);
    if (queue.waiting.size > 0 || queue.inFlight > 0) return false;
    this.#types.delete(event.type);
    return true;
  }

  /** Records a refusal of an event in flight. */
  refused(event: DeferredEvent): void {
    const settled = this.#settle(event);
    const queue = this.#types.get(event.type);
    if (settled === undefined || queue === undefined) return;
    queue.waiting.add(event.stream);
    if (settled.attempt === queue.attempt) this.#backOff(queue);
  }

  /** Marks events in flight as waiting: their result is unknown, so they are tried again first. */
  rewind(): void {
    for (const [stream, subject] of this.#subjects) {
      const [event] = subject.events;
      if (subject.inFlight === undefined || event === undefined) continue;
      this.#settle(event);
      const queue = this.#queue(event.type);
      const others = [...queue.waiting];
      queue.waiting.clear();
      for (const each of [stream, ...others]) queue.waiting.add(each);
    }
  }

  get hasChanges(): boolean {
    return this.#added.size > 0 || this.#removed.size > 0;
  }

  /** Returns the changes since the last call; restore them if saving fails. */
  takeChanges(): DeferredChanges {
    const changes = { added: [...this.#added], removed: [...this.#removed] };
    this.#added.clear();
    this.#removed.clear();
    return changes;
  }

  restoreChanges({ added, removed }: DeferredChanges): void {
    for (const position of removed) this.#removed.add(position);
    for (const position of added) if (!this.#removed.has(position)) this.#added.add(position);
  }

  #queue(type: string): TypeQueue {
    const found = this.#types.get(type);
    if (found !== undefined) return found;
    const { retry, random } = this.options;
    const backoff = new Backoff(retry.first, retry.most, random);
    const queue = { waiting: new Set<string>(), backoff, inFlight: 0, allowed: 1, dueAt: 0, attempt: 0 };
    this.#types.set(type, queue);
    return queue;
  }

  #backOff(queue: TypeQueue): void {
    queue.attempt += 1;
    queue.allowed = 1;
    queue.dueAt = this.options.now() + queue.backoff.next();
  }

  /** Undefined if the event is no longer in flight. */
  #settle({ stream, position, type }: DeferredEvent): { attempt: number } | undefined {
    const subject = this.#subjects.get(stream);
    const [first] = subject?.events ?? [];
    const inFlight = subject?.inFlight;
    if (subject === undefined || inFlight === undefined || first?.position !== position) return undefined;
    subject.inFlight = undefined;
    this.inFlight -= 1;
    this.#queue(type).inFlight -= 1;
    return inFlight;
  }
}
