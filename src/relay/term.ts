import { setImmediate } from 'node:timers/promises';
import type { Publisher } from '../broker/contract.js';
import { FlotillaError, hasCode, messageOf, type ErrorCode } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/contract.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Logger } from '../telemetry/logger.js';
import { Backoff } from '../concurrency/backoff.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { CheckpointSaver } from './checkpoint-saver.js';
import { Deferred, type DeferredEvent } from './deferred.js';
import { loadDeferred } from './deferred-rows.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';
import { outgoing } from './outgoing.js';
import { sleep } from '../concurrency/sleep.js';
import type { Refusals } from './refusals.js';
import { Window, type Entry } from './window.js';

export interface TermOptions {
  store: Store;
  publisher: Publisher;
  held: LeaseHolder;
  /** Where everybody publishes. */
  exchange: string;
  /** Messages without a confirm at once. */
  window: number;
  /** Milliseconds that the end of a term waits for what is out. */
  drainTimeout: number;
  logger: Logger;
  /** Delays between two tries for refused events of one type, in milliseconds. */
  retry: { first: number; most: number };
  /** How many events may be deferred; with more, no further ones are published. */
  maxDeferred: number;
  refusals: Refusals;
  onConfirmed: (events: number) => void;
  onFailure: (code: ErrorCode) => void;
}

/** The longest sleep in milliseconds; nothing depends on it. */
const SLEEP = 1_000;

/**
 * One process's time as the holder of the lease: reads what is stored after the checkpoint, keeps a window of it in
 * flight, and moves the checkpoint behind what the broker has confirmed without a gap.
 */
export class Term {
  readonly #bell = new Wakeup();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #window: Window;
  readonly #deferred: Deferred;
  readonly #saver: CheckpointSaver;
  /** The relay is to stop, or the lease is lost: nothing new goes out. */
  readonly #ended: AbortSignal;
  /** The highest position read. */
  #cursor: number;
  /** Set by the first failure: from then on nothing goes out until the publisher has been made anew. */
  #failure: unknown;
  #failed = false;
  /** Confirms that no metric has counted yet. */
  #unreported = 0;
  /** New events may be there to read. */
  #more = true;

  constructor(
    private readonly options: TermOptions,
    checkpoint: number,
    signal: AbortSignal,
  ) {
    this.#ended = AbortSignal.any([signal, options.held.lost]);
    this.#window = new Window(checkpoint);
    this.#cursor = checkpoint;
    const { store, held, window: portion, logger, retry } = options;
    this.#deferred = new Deferred({ retry, window: portion, now: () => performance.now() });
    const onSaved = () => {
      options.onConfirmed(this.#unreported);
      this.#unreported = 0;
      this.#bell.notify();
    };
    this.#saver = new CheckpointSaver(checkpoint, { store, held, portion, logger, deferred: this.#deferred, onSaved });
  }

  /** Publishes until `signal` aborts or the lease is lost, then waits for what is out. Rejects when the store fails
   *  or the broker is closed for good. */
  async run(): Promise<void> {
    const { store, held } = this.options;
    const ring = () => {
      this.#bell.notify();
    };
    const stopListening = store.onAppend(() => {
      this.#more = true;
      ring();
    });
    this.#ended.addEventListener('abort', ring);
    try {
      for (const event of await loadDeferred(store, this.#cursor)) this.#deferred.add(event, { saved: true });
      while (!this.#ended.aborted) await this.#turn();
      if (held.check()) await this.#drain();
    } finally {
      stopListening();
      this.#ended.removeEventListener('abort', ring);
      await this.#saver.settled();
      // whatever is still out must not arrive after what the next holder publishes
      if (this.#out > 0) this.options.publisher.reset();
      this.#failed = true;
    }
  }

  async #turn(): Promise<void> {
    if (!this.options.held.check()) return;
    if (this.#failed) await this.#recover();
    else if (this.options.publisher.state !== 'ready') await this.#ready();
    else if (this.#deferred.nextDueAt() <= performance.now()) await this.#publishDeferred();
    else if (this.#more && this.#room() > 0) await this.#fill();
    else {
      this.#saver.saveWhenDue();
      const next = Math.min(this.#saver.dueAt, this.#deferred.nextDueAt());
      await this.#bell.wait(Math.min(SLEEP, Math.max(1, next - performance.now())));
    }
    this.#saver.saveWhenDue();
    this.options.refusals.deferred(this.#deferred.size, this.#isFull());
  }

  get #out(): number {
    return this.#window.out + this.#deferred.out;
  }

  #isFull(): boolean {
    return this.#deferred.size >= this.options.maxDeferred;
  }

  /** How many events may be read now: none until an eighth of the window is free, so that pages are worth reading.
   *  Held and confirmed ones are bounded too, so that a busy subject or a stuck event cannot fill the memory. */
  #room(): number {
    const { window } = this.options;
    if (this.#isFull()) return 0;
    const room = Math.min(window - this.#window.out, 4 * window - this.#window.size);
    return this.#window.out === 0 || room >= window / 8 ? room : 0;
  }

  async #fill(): Promise<void> {
    const room = this.#room();
    this.#more = false;
    const page = await this.options.store.readAll(this.#cursor, room);
    if (page.length === room) this.#more = true;
    for (const event of page) {
      this.#cursor = event.position;
      if (this.#deferred.has(event.stream)) {
        this.#deferred.add(event);
        this.#window.pass(event);
        this.#saveSoon();
        continue;
      }
      const entry = this.#window.add(event);
      if (entry !== undefined) this.#letOut(entry);
    }
    // neither the store nor a broker in memory need turn the event loop; a long way behind would stop everything else
    await setImmediate();
  }

  #letOut(entry: Entry): void {
    this.#window.letOut(entry);
    if (!this.#failed) this.#publish(entry); // else it goes out with all the others, in order
  }

  #publish(entry: Entry): void {
    const { publisher, exchange, store } = this.options;
    publisher.publish(outgoing(entry.event, exchange, store.service)).then(
      () => {
        this.#confirmed(entry);
      },
      (error: unknown) => {
        if (hasCode(error, 'broker.nacked')) this.#refused(error, entry);
        else this.#fail(error, entry.event);
      },
    );
    failpoint('relay.published');
  }

  /** A refusal concerns one message: its subject waits, the others go on. */
  #refused(error: FlotillaError, entry: Entry): void {
    if (entry.state !== 'out') return;
    const { type } = entry.event;
    for (const event of this.#window.defer(entry)) this.#deferred.add(event);
    this.#deferred.refusedFirst(type);
    this.#noteRefusal(error, type);
  }

  #noteRefusal(error: FlotillaError, type: string): void {
    this.options.onFailure(error.code);
    this.options.refusals.refused(type, error, this.#deferred.size);
    this.#saveSoon();
    this.#bell.notify();
  }

  async #publishDeferred(): Promise<void> {
    const { store, publisher, exchange } = this.options;
    if (this.#deferred.isProbeDue() && !(await this.#renewChannel())) return;
    for (const deferred of this.#deferred.takeDue()) {
      const [event] = await store.readAll(deferred.position - 1, 1);
      if (event?.position !== deferred.position) {
        throw new FlotillaError('store.io', `event ${deferred.position} is not there`);
      }
      // what is not published yet is rewound with all that is out
      if (this.#failed || this.#ended.aborted) return;
      publisher.publish(outgoing(event, exchange, store.service)).then(
        () => {
          this.#confirmedDeferred(deferred);
        },
        (error: unknown) => {
          if (!hasCode(error, 'broker.nacked')) {
            this.#fail(error, event);
            return;
          }
          this.#deferred.refused(deferred);
          this.#noteRefusal(error, deferred.type);
        },
      );
    }
  }

  /** Goes on with another channel, without publishing anything again. A quorum queue that was full refuses what comes on the
   *  same channel until a message is taken out of it, even if its limit is gone (RabbitMQ 3.10). False where something
   *  else has to be done first. */
  async #renewChannel(): Promise<boolean> {
    while (this.#out > 0 && !this.#failed && this.options.held.check() && !this.#ended.aborted) {
      await this.#bell.wait(SLEEP);
      this.#saver.saveWhenDue();
    }
    if (this.#failed || this.#ended.aborted || !this.options.held.check()) return false;
    this.options.publisher.reset();
    await this.#ready();
    return !this.#ended.aborted && this.options.held.check();
  }

  #confirmedDeferred(event: DeferredEvent): void {
    if (this.#deferred.confirmed(event)) this.options.refusals.accepted(event.type);
    this.#unreported += 1;
    this.#backoff.reset();
    this.#saveSoon();
    this.#bell.notify();
  }

  #saveSoon(): void {
    if (this.#saver.advance(this.#window.passed)) this.#bell.notify();
  }

  #confirmed(entry: Entry): void {
    if (entry.state !== 'out') return;
    const before = this.#window.passed;
    const follower = this.#window.confirm(entry);
    this.#unreported += 1;
    if (this.#window.passed !== before) {
      this.#backoff.reset();
      this.#saveSoon();
    }
    if (follower !== undefined && !this.#ended.aborted && this.options.held.check()) this.#letOut(follower);
    if (this.#window.out === 0 || (this.#more && this.#room() > 0)) this.#bell.notify();
  }

  /** One message that may have arrived or not makes all of them uncertain: the channel is dropped, so that none of them can arrive after
   *  a later one. The other publishes of the channel fail along with it, and say nothing new. */
  #fail(error: unknown, event: StoredEvent): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#failure = error;
    const code: ErrorCode = error instanceof FlotillaError ? error.code : 'broker.disconnected';
    this.options.onFailure(code);
    const { id, type, position } = event;
    this.options.logger.warn('relay: not confirmed, going back', {
      code,
      error: messageOf(error),
      event: id,
      type,
      position,
    });
    this.options.publisher.reset();
    this.#bell.notify();
  }

  async #recover(): Promise<void> {
    if (this.#failure instanceof FlotillaError && this.#failure.code === 'broker.closed') throw this.#failure;
    await sleep(this.#backoff.next(), this.#ended);
    await this.#ready();
    if (this.#ended.aborted || !this.options.held.check()) return;
    this.#failed = false;
    this.#failure = undefined;
    this.#deferred.rewind();
    for (const entry of this.#window.unconfirmed()) this.#publish(entry);
  }

  /** Waits until publishes are taken, or the term ends. */
  async #ready(): Promise<void> {
    this.#saver.save();
    try {
      await this.options.publisher.ready(this.#ended);
    } catch (error) {
      if (!this.#ended.aborted) throw error;
    }
  }

  /** Publishes nothing more; waits for the confirms of what is out, within the limit, and saves. */
  async #drain(): Promise<void> {
    const deadline = performance.now() + this.options.drainTimeout;
    while (this.#out > 0 && !this.#failed && performance.now() < deadline) {
      await this.#bell.wait(Math.max(1, deadline - performance.now()));
    }
    await this.#saver.settled();
    this.#saver.save();
    await this.#saver.settled();
  }
}
