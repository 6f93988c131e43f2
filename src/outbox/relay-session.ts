import { setImmediate } from 'node:timers/promises';
import type { Publisher } from '../broker/broker.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { FlotillaError, type ErrorCode } from '../errors.js';
import type { Store } from '../store/store.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';
import type { Logger } from '../telemetry/logger.js';
import { CheckpointSaver } from './checkpoint-saver.js';
import { DeferredEvents, type DeferredEvent } from './deferred/deferred-events.js';
import { loadDeferred } from './deferred/deferred-rows.js';
import { PublishChannel } from './publish-channel.js';
import type { RefusedTypes } from './deferred/refused-types.js';
import { PublishWindow, type WindowEntry } from './publish-window.js';

export interface RelaySessionOptions {
  store: Store;
  publisher: Publisher;
  lease: LeaseHolder;
  /** The exchange of all events. */
  exchange: string;
  /** Maximum number of unconfirmed publishes. */
  window: number;
  /** Milliseconds to wait at the end for confirms. */
  drainTimeout: number;
  logger: Logger;
  /** Delays between two attempts for refused events of one type, in milliseconds. */
  retry: { first: number; most: number };
  /** Maximum number of deferred events; at the limit, nothing else is published. */
  maxDeferred: number;
  refusals: RefusedTypes;
  /** Receives the type of each event that it reads. */
  onRead: (type: string) => void;
  onConfirmed: (events: number) => void;
  onFailure: (code: ErrorCode) => void;
}

/** Maximum wait for a notification; a safety net only. */
const LONGEST_WAIT_MS = 5_000;

/** The relay's work while this process holds the lease: reads stored events after the checkpoint, keeps a window of
 *  them in flight, and moves the checkpoint past contiguous confirmed events. */
export class RelaySession {
  readonly #wakeup = new Wakeup();
  readonly #channel: PublishChannel;
  readonly #window: PublishWindow;
  readonly #deferred: DeferredEvents;
  readonly #saver: CheckpointSaver;
  /** The highest position read. */
  #cursor: number;
  /** Confirms that no metric has counted yet. */
  #unreported = 0;
  /** Whether new events may be available. */
  #more = true;

  constructor(
    private readonly options: RelaySessionOptions,
    checkpoint: number,
    /** Aborts when the relay stops or the lease is lost: no new event is published. */
    private readonly signal: AbortSignal,
  ) {
    const { store, publisher, exchange, lease, window, logger, retry, onFailure } = options;
    const wake = () => {
      this.#wakeup.notify();
    };
    this.#channel = new PublishChannel({ publisher, exchange, source: store.service, logger, onFailure, signal }, wake);
    this.#window = new PublishWindow(checkpoint);
    this.#cursor = checkpoint;
    this.#deferred = new DeferredEvents({ retry, window, now: () => performance.now() });
    const onSaved = () => {
      options.onConfirmed(this.#unreported);
      this.#unreported = 0;
      wake();
    };
    this.#saver = new CheckpointSaver(checkpoint, {
      store,
      lease,
      batchSize: window,
      logger,
      deferred: this.#deferred,
      onSaved,
    });
  }

  /** Publishes until the signal aborts, then waits for confirms. Rejects when the store fails or the broker is
   *  closed permanently. */
  async run(): Promise<void> {
    const { store, lease, publisher } = this.options;
    const wake = () => {
      this.#wakeup.notify();
    };
    const stopListening = store.onAppend(() => {
      this.#more = true;
      wake();
    });
    this.signal.addEventListener('abort', wake);
    try {
      for (const event of await loadDeferred(store, this.#cursor)) this.#deferred.add(event, { saved: true });
      while (!this.signal.aborted) await this.#step();
      if (lease.check()) await this.#drain();
    } finally {
      stopListening();
      this.signal.removeEventListener('abort', wake);
      await this.#saver.settled();
      // events still in flight must not arrive after publishes of the next holder
      if (this.#inFlight > 0) publisher.reset();
      this.#channel.end();
    }
  }

  async #step(): Promise<void> {
    if (!this.options.lease.check()) return;
    if (this.#channel.failed) await this.#recover();
    else if (!this.#channel.isReady) await this.#ready();
    else if (this.#deferred.nextDueAt() <= performance.now()) await this.#publishDeferred();
    else if (this.#more && this.#room() > 0) await this.#fill();
    else {
      this.#saver.saveWhenDue();
      const next = Math.min(this.#saver.dueAt, this.#deferred.nextDueAt());
      await this.#wakeup.wait(Math.min(LONGEST_WAIT_MS, Math.max(1, next - performance.now())));
    }
    this.#saver.saveWhenDue();
    this.options.refusals.deferred(this.#deferred.size, this.#isFull());
  }

  get #inFlight(): number {
    return this.#window.inFlight + this.#deferred.inFlight;
  }

  /** Whether this session may publish. */
  #mayPublish(): boolean {
    return !this.#channel.failed && !this.signal.aborted && this.options.lease.check();
  }

  #isFull(): boolean {
    return this.#deferred.size >= this.options.maxDeferred;
  }

  /** Returns how many events to read now: none until an eighth of the window is free, so that pages are large
   *  enough. Waiting and confirmed events are bounded too, so that a busy subject or a stuck event cannot fill the
   *  memory. */
  #room(): number {
    const { window } = this.options;
    if (this.#isFull()) return 0;
    const room = Math.min(window - this.#window.inFlight, 4 * window - this.#window.size);
    return this.#window.inFlight === 0 || room >= window / 8 ? room : 0;
  }

  async #fill(): Promise<void> {
    const room = this.#room();
    this.#more = false;
    const page = await this.options.store.readAll(this.#cursor, room);
    if (page.length === room) this.#more = true;
    for (const event of page) {
      this.#cursor = event.position;
      this.options.onRead(event.type);
      if (this.#deferred.has(event.stream)) {
        this.#deferred.add(event);
        this.#window.pass(event);
        this.#saveSoon();
        continue;
      }
      const entry = this.#window.add(event);
      if (entry !== undefined) this.#send(entry);
    }
    // the store and an in-memory broker may settle without an event loop turn; a large backlog would block everything
    // else
    await setImmediate();
  }

  #send(entry: WindowEntry): void {
    this.#window.send(entry);
    if (!this.#channel.failed) this.#publish(entry); // otherwise it is published with the others, in order
  }

  #publish(entry: WindowEntry): void {
    this.#channel.publish(
      entry.event,
      () => this.#confirmed(entry),
      (error) => this.#refused(error, entry),
    );
  }

  #confirmed(entry: WindowEntry): void {
    if (entry.state !== 'in flight') return;
    const before = this.#window.passed;
    const follower = this.#window.confirm(entry);
    this.#unreported += 1;
    if (this.#window.passed !== before) {
      this.#channel.progressed();
      this.#saveSoon();
    }
    if (follower !== undefined && !this.signal.aborted && this.options.lease.check()) this.#send(follower);
    if (this.#window.inFlight === 0 || (this.#more && this.#room() > 0)) this.#wakeup.notify();
  }

  /** Handles a refusal: it concerns one message, whose subject waits while others continue. */
  #refused(error: FlotillaError, entry: WindowEntry): void {
    if (entry.state !== 'in flight') return;
    const { type } = entry.event;
    for (const event of this.#window.defer(entry)) this.#deferred.add(event);
    this.#deferred.refusedFirst(type);
    this.#reportRefusal(error, type);
  }

  #reportRefusal(error: FlotillaError, type: string): void {
    this.options.onFailure(error.code);
    this.options.refusals.refused(type, error, this.#deferred.size);
    this.#saveSoon();
    this.#wakeup.notify();
  }

  async #publishDeferred(): Promise<void> {
    const { store } = this.options;
    if (this.#deferred.isProbeDue() && !(await this.#renewChannel())) return;
    for (const deferred of this.#deferred.takeDue()) {
      const [event] = await store.readAll(deferred.position - 1, 1);
      if (event?.position !== deferred.position) {
        throw new FlotillaError('store.io', `event ${deferred.position} is not there`);
      }
      // unpublished events are rewound together with those in flight
      if (this.#channel.failed || this.signal.aborted) return;
      this.#channel.publish(
        event,
        () => this.#confirmedDeferred(deferred),
        (error) => {
          this.#deferred.refused(deferred);
          this.#reportRefusal(error, deferred.type);
        },
      );
    }
  }

  #confirmedDeferred(event: DeferredEvent): void {
    if (this.#deferred.confirmed(event)) this.options.refusals.accepted(event.type);
    this.#unreported += 1;
    this.#channel.progressed();
    this.#saveSoon();
    this.#wakeup.notify();
  }

  /** Continues on another channel, without republishing. A quorum queue that was full refuses publishes on the same
   *  channel until a message is removed from it, even if its limit is gone (RabbitMQ 3.10). False if other work must
   *  be done first. */
  async #renewChannel(): Promise<boolean> {
    while (this.#inFlight > 0 && this.#mayPublish()) {
      await this.#wakeup.wait(LONGEST_WAIT_MS);
      this.#saver.saveWhenDue();
    }
    if (!this.#mayPublish()) return false;
    this.#channel.renew();
    await this.#ready();
    return !this.signal.aborted && this.options.lease.check();
  }

  async #recover(): Promise<void> {
    this.#saver.save();
    await this.#channel.waitToRecover();
    if (this.signal.aborted || !this.options.lease.check()) return;
    this.#channel.recovered();
    this.#deferred.rewind();
    for (const entry of this.#window.unconfirmed()) this.#publish(entry);
  }

  async #ready(): Promise<void> {
    this.#saver.save();
    await this.#channel.ready();
  }

  #saveSoon(): void {
    if (this.#saver.advance(this.#window.passed)) this.#wakeup.notify();
  }

  /** Publishes nothing more; waits for confirms up to the limit, then saves the checkpoint. */
  async #drain(): Promise<void> {
    const deadline = performance.now() + this.options.drainTimeout;
    while (this.#inFlight > 0 && !this.#channel.failed && performance.now() < deadline) {
      await this.#wakeup.wait(Math.max(1, deadline - performance.now()));
    }
    await this.#saver.settled();
    this.#saver.save();
    await this.#saver.settled();
  }
}
