import { setImmediate } from 'node:timers/promises';
import type { Publisher } from '../broker/contract.js';
import { FlotillaError, messageOf, type ErrorCode } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import { Backoff } from './backoff.js';
import { Bell } from './bell.js';
import { CheckpointSaver } from './checkpoint-saver.js';
import type { HeldLease } from './held-lease.js';
import { outgoing } from './outgoing.js';
import { pause } from './pause.js';
import { Window, type Entry } from './window.js';

export interface TermOptions {
  store: Store;
  publisher: Publisher;
  held: HeldLease;
  /** Where everybody publishes. */
  exchange: string;
  /** Messages without a confirm at once. */
  window: number;
  /** Milliseconds that the end of a term waits for what is out. */
  drainTimeout: number;
  logger: Logger;
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
  readonly #bell = new Bell();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #window: Window;
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
    const { store, held, window: portion, logger } = options;
    const onSaved = () => {
      options.onConfirmed(this.#unreported);
      this.#unreported = 0;
      this.#bell.ring();
    };
    this.#saver = new CheckpointSaver(checkpoint, { store, held, portion, logger, onSaved });
  }

  /** Publishes until `signal` aborts or the lease is lost, then waits for what is out. Rejects when the store fails
   *  or the broker is closed for good. */
  async run(): Promise<void> {
    const { store, held } = this.options;
    const ring = () => {
      this.#bell.ring();
    };
    const stopListening = store.onAppend(() => {
      this.#more = true;
      ring();
    });
    this.#ended.addEventListener('abort', ring);
    try {
      while (!this.#ended.aborted) await this.#turn();
      if (held.check()) await this.#drain();
    } finally {
      stopListening();
      this.#ended.removeEventListener('abort', ring);
      await this.#saver.settled();
      // whatever is still out must not arrive after what the next holder publishes
      if (this.#window.out > 0) this.options.publisher.reset();
      this.#failed = true;
    }
  }

  async #turn(): Promise<void> {
    if (!this.options.held.check()) return;
    if (this.#failed) await this.#recover();
    else if (this.options.publisher.state !== 'ready') await this.#ready();
    else if (this.#more && this.#room() > 0) await this.#fill();
    else {
      this.#saver.saveWhenDue();
      await this.#bell.wait(Math.min(SLEEP, Math.max(1, this.#saver.dueAt - performance.now())));
    }
    this.#saver.saveWhenDue();
  }

  /** How many events may be read now: none until an eighth of the window is free, so that pages are worth reading.
   *  Held and confirmed ones are bounded too, so that a busy subject or a stuck event cannot fill the memory. */
  #room(): number {
    const { window } = this.options;
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
        this.#fail(error, entry);
      },
    );
    failpoint('relay.published');
  }

  #confirmed(entry: Entry): void {
    if (entry.state !== 'out') return;
    const before = this.#window.confirmed;
    const follower = this.#window.confirm(entry);
    this.#unreported += 1;
    if (this.#window.confirmed !== before) {
      this.#backoff.reset();
      if (this.#saver.advance(this.#window.confirmed)) this.#bell.ring();
    }
    if (follower !== undefined && !this.#ended.aborted && this.options.held.check()) this.#letOut(follower);
    if (this.#window.out === 0 || (this.#more && this.#room() > 0)) this.#bell.ring();
  }

  /** One unconfirmed message makes all of them uncertain: the channel is dropped, so that none of them can arrive after
   *  a later one. The other publishes of the channel fail along with it, and say nothing new. */
  #fail(error: unknown, entry: Entry): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#failure = error;
    const code: ErrorCode = error instanceof FlotillaError ? error.code : 'broker.disconnected';
    this.options.onFailure(code);
    const { id, type, position } = entry.event;
    this.options.logger.warn('relay: not confirmed, going back', { code, error: messageOf(error), id, type, position });
    this.options.publisher.reset();
    this.#bell.ring();
  }

  async #recover(): Promise<void> {
    if (this.#failure instanceof FlotillaError && this.#failure.code === 'broker.closed') throw this.#failure;
    await pause(this.#backoff.next(), this.#ended);
    await this.#ready();
    if (this.#ended.aborted || !this.options.held.check()) return;
    this.#failed = false;
    this.#failure = undefined;
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
    while (this.#window.out > 0 && !this.#failed && performance.now() < deadline) {
      await this.#bell.wait(Math.max(1, deadline - performance.now()));
    }
    await this.#saver.settled();
    this.#saver.save();
    await this.#saver.settled();
  }
}
