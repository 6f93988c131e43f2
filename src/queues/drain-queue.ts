import { once } from 'node:events';
import { SerialQueue } from '../concurrency/serial-queue.js';
import { sleep } from '../concurrency/sleep.js';
import type { Broker, Delivery } from '../broker/broker.js';
import { errorOf } from '../errors.js';

export interface DrainOptions {
  /** Maximum number of messages to handle. @default all that are ready at the start */
  count?: number | undefined;
  /** Milliseconds after which the drain ends. */
  limit: number;
  /** Processes a message and settles it. */
  handle: (delivery: Delivery) => Promise<void>;
  signal: AbortSignal;
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Maximum number of unsettled messages. @default 50. Of `drainSelected`: the limit for unselected messages, which arrive a
   *  part at a time */
  prefetch?: number;
}

export interface DrainSelectedOptions extends DrainOptions {
  /** Selects the messages to handle. The others stay unacked until the end, and keep their places in the queue. */
  select: (delivery: Delivery) => boolean;
  /** Maximum number of messages that are handled at the same time. @default 50 */
  concurrency?: number;
}

export interface DrainResult {
  handled: number;
  /** Examined but not selected, and still in the queue. */
  kept: number;
  /** Ready at the start, but not examined. */
  unexamined: number;
}

const PREFETCH = 50;
/** Messages that may arrive beyond the unselected ones: they are in memory, too. */
const WINDOW = 500;
/** Limits for unselected messages, which stay unacked; messages beyond them are not examined. */
export const MAX_HELD_MESSAGES = 20_000;
export const MAX_HELD_BYTES = 128 * 2 ** 20;
/** How often to check whether other consumers have emptied the queue. */
const EMPTY_CHECK_INTERVAL_MS = 200;
/** Time without a delivery after which messages in flight to this consumer are returned, to count them. */
const QUIET_MS = 1000;
const REQUEUE_POLL_INTERVAL_MS = 50;
const REQUEUE_TIMEOUT_MS = 2_000;

/** Handles the messages that are ready in a queue at the start, each once, and returns their number. Ends early when
 *  the time limit is over, `signal` aborts, or other consumers have emptied the queue. Unsettled messages return to the
 *  queue. Rejects with the first error of `handle`. A missing queue counts as empty. */
export async function drainQueue(broker: Broker, queue: string, options: DrainOptions): Promise<number> {
  const prefetch = options.prefetch ?? Math.min(PREFETCH, options.count ?? PREFETCH);
  return (await drainSelected(broker, queue, { ...options, prefetch, select: () => true })).handled;
}

/** Like `drainQueue`, for the messages that `select` accepts; the others keep their order in the queue. `count` limits
 *  the handled ones. Ends when the limit of unselected messages is reached. */
export async function drainSelected(
  broker: Broker,
  queue: string,
  options: DrainSelectedOptions,
): Promise<DrainResult> {
  const ready = await readyIn(broker, queue);
  if (ready === 0 || options.signal.aborted) return { handled: 0, kept: 0, unexamined: ready };
  const drain = new SelectiveDrain(options, ready);
  const prefetch = Math.min(ready, options.prefetch ?? WINDOW);
  const restarts = new SerialQueue();
  let isRestarted = false;
  if (options.prefetch === undefined) drain.onHalfHeld(prefetch, () => void restarts.run(letMoreArrive));
  const consumer = broker.consume(queue, { prefetch, onDelivery: (delivery) => drain.add(delivery) });
  const timer = setTimeout(() => drain.end(), options.limit);
  const end = AbortSignal.any([drain.ended, options.signal]);
  const checking = endWhenEmptiedByOthers();
  try {
    if (!end.aborted) await once(end, 'abort');
    await drain.settled();
    await restarts.settled();
    // The end of the channel returns all messages of a consumer in order. Cancelling it first would return those on their way
    // to it before those that are here. After a restart, the messages belong to several consumers and are requeued by request.
    if (isRestarted) {
      await consumer.cancel();
      drain.requeue();
    }
  } finally {
    clearTimeout(timer);
    await checking;
    await consumer.close();
  }
  await untilReadyAgain(broker, queue, drain.expected);
  return drain.result();

  /** Unselected messages stay unacked and use up the prefetch. A consumer that resumes has all of it again. */
  async function letMoreArrive(): Promise<void> {
    if (end.aborted) return;
    try {
      await consumer.cancel();
      if (!end.aborted) await restart();
    } catch (error) {
      drain.fail(error);
    }
  }

  async function restart(): Promise<void> {
    isRestarted = true;
    await consumer.resume(prefetch);
  }

  /** A long queue has no ready messages while all of them are in flight to this consumer. To distinguish the two
   *  cases, cancels the consumer, which returns these messages, and resumes it if there are any. */
  async function endWhenEmptiedByOthers(): Promise<void> {
    let quietSince = performance.now();
    let quiet = QUIET_MS;
    try {
      for (; !end.aborted; await sleep(EMPTY_CHECK_INTERVAL_MS, end)) {
        const { arrivedAt } = drain;
        quietSince = Math.max(quietSince, arrivedAt);
        if (!consumer.consuming || !drain.isIdle) quietSince = performance.now();
        if (performance.now() - quietSince < quiet || (await readyIn(broker, queue)) > 0) continue;
        await restarts.run(async () => {
          await consumer.cancel();
          await untilReadyAgain(broker, queue, 0);
          if (drain.arrivedAt === arrivedAt && (await readyIn(broker, queue)) === 0) drain.endEmpty();
          else if (!end.aborted) await restart();
        });
        quietSince = performance.now();
        quiet *= 2;
      }
    } catch (error) {
      if (!end.aborted) drain.fail(error);
    }
  }
}

/** Returns the number of messages that are ready in a queue; a missing queue has none. */
export async function readyIn(broker: Pick<Broker, 'queueDepth'>, queue: string): Promise<number> {
  return (await broker.queueDepth(queue))?.ready ?? 0;
}

/** A quorum queue needs a moment to count requeued messages and those delivered while the consumer ended: resolves when
 *  the number is stable and at least `least`, or after two seconds. */
async function untilReadyAgain(broker: Pick<Broker, 'queueDepth'>, queue: string, least: number): Promise<void> {
  const end = performance.now() + REQUEUE_TIMEOUT_MS;
  for (let before = -1; performance.now() < end; await sleep(REQUEUE_POLL_INTERVAL_MS)) {
    const ready = (await broker.queueDepth(queue))?.ready ?? least;
    if (ready >= least && ready === before) return;
    before = ready;
  }
}

/** Handles the selected messages of a queue, one prefetch window at a time, and keeps the others unacked. */
class SelectiveDrain {
  readonly #end = new AbortController();
  readonly #waiting: Delivery[] = [];
  readonly #held: Delivery[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #total: number;
  #examined = 0;
  #chosen = 0;
  #handled = 0;
  #heldBytes = 0;
  #failure: Error | undefined;
  #isEmpty = false;
  #halfHeld = { every: Infinity, next: Infinity, call: () => {} };
  /** When the latest message arrived. */
  arrivedAt = 0;

  constructor(
    private readonly options: DrainSelectedOptions,
    private readonly ready: number,
  ) {
    this.#total = Math.min(ready, options.count ?? ready);
  }

  /** Aborts when enough messages were handled or examined, or after a failure. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.length === 0;
  }

  /** The number of messages that are ready in the queue afterwards, at least. */
  get expected(): number {
    return this.#isEmpty ? this.#held.length + this.#waiting.length : this.ready - this.#handled;
  }

  /** Calls back whenever half as many messages as these are held in addition. */
  onHalfHeld(messages: number, call: () => void): void {
    const every = Math.max(1, Math.floor(messages / 2));
    this.#halfHeld = { every, next: every, call };
  }

  add(delivery: Delivery): void {
    this.arrivedAt = performance.now();
    this.#waiting.push(delivery);
    this.#advance();
  }

  end(): void {
    this.#end.abort();
  }

  /** Ends because other consumers have emptied the queue. */
  endEmpty(): void {
    this.#isEmpty = true;
    this.end();
  }

  fail(error: unknown): void {
    this.#failure ??= errorOf(error);
    this.end();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Requeues the unselected messages in order. After a failure, closing the channel requeues them. */
  requeue(): void {
    if (this.#failure !== undefined) return;
    for (const delivery of [...this.#held, ...this.#waiting]) delivery.requeue();
  }

  result(): DrainResult {
    if (this.#failure !== undefined) throw this.#failure;
    return { handled: this.#handled, kept: this.#held.length, unexamined: this.ready - this.#examined };
  }

  #advance(): void {
    while (!this.#isOver && this.#running.size < (this.options.concurrency ?? PREFETCH) && !this.#isEnough) {
      const delivery = this.#waiting.shift();
      if (delivery === undefined) break;
      this.#examined += 1;
      if (this.options.select(delivery)) this.#run(delivery);
      else this.#hold(delivery);
    }
    if (this.#isEnough && this.#running.size === 0) this.end();
  }

  /** Messages that arrived after the start are not examined. */
  get #isEnough(): boolean {
    return this.#chosen >= this.#total || this.#examined >= this.ready;
  }

  get #isOver(): boolean {
    return this.ended.aborted || this.options.signal.aborted;
  }

  #hold(delivery: Delivery): void {
    this.#held.push(delivery);
    this.#heldBytes += delivery.body.length;
    if (this.#held.length >= MAX_HELD_MESSAGES || this.#heldBytes >= MAX_HELD_BYTES) this.end();
    if (this.#held.length < this.#halfHeld.next) return;
    this.#halfHeld.next = this.#held.length + this.#halfHeld.every;
    this.#halfHeld.call();
  }

  #run(delivery: Delivery): void {
    this.#chosen += 1;
    const work = this.#handle(delivery).finally(() => {
      this.#running.delete(work);
      this.#advance();
    });
    this.#running.add(work);
  }

  async #handle(delivery: Delivery): Promise<void> {
    try {
      await this.options.handle(delivery);
      this.#handled += 1;
      this.options.onProgress?.(this.#handled, this.#total);
    } catch (error) {
      this.fail(error);
    }
  }
}
