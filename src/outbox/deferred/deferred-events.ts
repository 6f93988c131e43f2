import { Backoff } from '../../concurrency/backoff.js';

/** What is kept of a deferred event: its body is read again from the store. */
export interface DeferredEvent {
  readonly stream: string;
  readonly position: number;
  readonly type: string;
}

export interface DeferredOptions {
  /** Delays between two tries for events of one type, in milliseconds. */
  retry: { first: number; most: number };
  /** Events of one type that may be in flight at once. */
  window: number;
  /** Milliseconds, of a clock that never goes back. */
  now: () => number;
  random?: () => number;
}

/** What is to be saved: an event is saved before the checkpoint passes it, and deleted after its confirm. */
export interface DeferredChanges {
  added: number[];
  removed: number[];
}

/** The first deferred event of a subject is tried; the others follow it in order. */
interface Subject {
  readonly events: DeferredEvent[];
  inFlight: { attempt: number } | undefined;
}

/** The subjects whose first deferred event is of this type: a refusal usually concerns all events that reach one queue. */
interface TypeQueue {
  /** Subjects to try, the least recently tried first. */
  readonly waiting: Set<string>;
  readonly backoff: Backoff;
  inFlight: number;
  /** How many may be in flight: one after a refusal, and one more with each confirm, which doubles it with each round. */
  allowed: number;
  dueAt: number;
  /** Rises with each refusal: what was sent before the last one says nothing about now. */
  attempt: number;
}

/**
 * The events that the broker has refused, and those behind them of the same subject. Of the refused events of one type a
 * single one is tried at a time, with growing delays, since each try is a duplicate in every queue that accepts it. Once
 * one is confirmed, more and more are tried at once. One event of a subject is in flight at a time.
 */
export class DeferredEvents {
  readonly #subjects = new Map<string, Subject>();
  readonly #types = new Map<string, TypeQueue>();
  readonly #added = new Set<number>();
  readonly #removed = new Set<number>();
  size = 0;
  inFlight = 0;

  constructor(private readonly options: DeferredOptions) {}

  /** Whether later events of this subject have to wait, too. */
  has(stream: string): boolean {
    return this.#subjects.has(stream);
  }

  /** The types of which a first event of a subject waits. */
  get types(): string[] {
    return [...this.#types.keys()];
  }

  /** Takes an event behind those of its subject. `saved`: it was deferred by an earlier holder of the lease. */
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

  /** Notes that an event of this type was refused while it was published for the first time. */
  refusedFirst(type: string): void {
    const queue = this.#queue(type);
    // many of them arrive together: one is enough to wait
    if (queue.dueAt <= this.options.now()) this.#backOff(queue);
  }

  /** The events to publish now; they count as in flight. */
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

  /** Whether an event is due that is tried alone, since the last one of its type was refused. */
  isProbeDue(): boolean {
    const now = this.options.now();
    return [...this.#types.values()].some(
      ({ waiting, inFlight, attempt, allowed, dueAt }) =>
        waiting.size > 0 && inFlight === 0 && allowed === 1 && attempt > 0 && dueAt <= now,
    );
  }

  /** When `takeDue` has something next. */
  nextDueAt(): number {
    let next = Infinity;
    for (const { waiting, inFlight, allowed, dueAt } of this.#types.values()) {
      if (waiting.size > 0 && inFlight < allowed) next = Math.min(next, dueAt);
    }
    return next;
  }

  /** The broker has confirmed an event that was in flight. True when no event of its type waits any more. */
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

  /** The broker has refused an event that was in flight. */
  refused(event: DeferredEvent): void {
    const settled = this.#settle(event);
    const queue = this.#types.get(event.type);
    if (settled === undefined || queue === undefined) return;
    queue.waiting.add(event.stream);
    if (settled.attempt === queue.attempt) this.#backOff(queue);
  }

  /** What is in flight may have arrived or not: it is tried again first. */
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

  /** What has changed since the last time; to be given back where it could not be saved. */
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

  /** Undefined where it is not out any more. */
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
