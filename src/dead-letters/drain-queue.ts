import { sleep } from '../concurrency/sleep.js';
import type { Broker, Delivery } from '../broker/contract.js';
import { errorOf } from '../errors.js';
import { aborted } from './aborted.js';

export interface DrainOptions {
  /** At most so many. @default all that are ready when it begins */
  count?: number | undefined;
  /** Milliseconds after which it ends, whatever is left. */
  limit: number;
  /** Does what there is to do with a message, and settles it. */
  handle: (delivery: Delivery) => Promise<void>;
  signal: AbortSignal;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface SiftOptions extends DrainOptions {
  /** Which messages are handled. The others are held until the end, and keep their places in the queue. */
  select: (delivery: Delivery) => boolean;
  /** Messages in hand at once. @default as many as may be held */
  prefetch?: number;
}

export interface Sifted {
  handled: number;
  /** Examined, and still in the queue. */
  kept: number;
  /** Ready when it began, and not examined. */
  unexamined: number;
}

const WINDOW = 50;
/** How many messages are held at most, and of how many bytes: what lies behind them is not examined. */
export const HELD_MESSAGES = 20_000;
export const HELD_BYTES = 128 * 2 ** 20;
/** How often to check whether another consumer took the rest, in milliseconds. */
const LOOK_INTERVAL = 200;
const RETURN_LOOK_INTERVAL = 50;
const RETURN_LIMIT = 2_000;

/**
 * Handles the messages that are ready in a queue now, each once, and not those that come later; gives how many were
 * handled. Ends early when the time is over, `signal` aborts, or others have emptied the queue. What was not settled
 * goes back to the queue. Rejects with the first failure of `handle`. A queue that isn't there is empty.
 */
export async function drainQueue(broker: Broker, queue: string, options: DrainOptions): Promise<number> {
  const prefetch = Math.min(WINDOW, options.count ?? WINDOW);
  return (await siftQueue(broker, queue, { ...options, prefetch, select: () => true })).handled;
}

/** As `drainQueue`, for the messages that `select` chooses; the others stay, in order. `count` limits what is handled. Ends
 *  at the bounds of what it may hold. */
export async function siftQueue(broker: Broker, queue: string, options: SiftOptions): Promise<Sifted> {
  const ready = (await broker.queueDepth(queue))?.ready ?? 0;
  if (ready === 0 || options.signal.aborted) return { handled: 0, kept: 0, unexamined: ready };
  const sieve = new Sieve(options, ready);
  const consumer = broker.consume(queue, {
    prefetch: Math.min(ready, options.prefetch ?? HELD_MESSAGES + WINDOW),
    onDelivery: (delivery) => sieve.add(delivery),
  });
  const timer = setTimeout(() => sieve.end(), options.limit);
  const look = setInterval(() => void endWhereOthersTookTheRest(), LOOK_INTERVAL);
  try {
    await aborted(AbortSignal.any([sieve.ended, options.signal]));
    await sieve.settled();
    // a requeue that the consumer asks for is no failure, which would count towards the delivery limit of the queue
    await consumer.cancel();
    sieve.giveBack();
  } finally {
    clearTimeout(timer);
    clearInterval(look);
    await consumer.close();
  }
  await untilReadyAgain(broker, queue, sieve.returned);
  return sieve.result();

  async function endWhereOthersTookTheRest(): Promise<void> {
    try {
      const depth = await broker.queueDepth(queue);
      if (consumer.consuming && sieve.isIdle && (depth?.ready ?? 0) === 0) sieve.end();
    } catch (error) {
      sieve.fail(error);
    }
  }
}

/** A quorum queue takes a moment to count what was given back to it, and what was delivered as the consumer ended: resolves
 *  when the number is no less than `least` and no longer changes, or after two seconds. */
async function untilReadyAgain(broker: Pick<Broker, 'queueDepth'>, queue: string, least: number): Promise<void> {
  const end = performance.now() + RETURN_LIMIT;
  for (let before = -1; performance.now() < end; await sleep(RETURN_LOOK_INTERVAL)) {
    const ready = (await broker.queueDepth(queue))?.ready ?? least;
    if (ready >= least && ready === before) return;
    before = ready;
  }
}

/** Divides what a queue gives into what is handled, a window at a time, and what is held. */
class Sieve {
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
  /** How many messages were given back. */
  returned = 0;

  constructor(
    private readonly options: SiftOptions,
    private readonly ready: number,
  ) {
    this.#total = Math.min(ready, options.count ?? ready);
  }

  /** Aborts when enough was handled or examined, or it cannot go on. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.length === 0;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#advance();
  }

  end(): void {
    this.#end.abort();
  }

  fail(error: unknown): void {
    this.#failure ??= errorOf(error);
    this.end();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Requeues what is held, in order. After a failure the channel does that when it closes. */
  giveBack(): void {
    if (this.#failure !== undefined) return;
    const all = [...this.#held, ...this.#waiting];
    for (const delivery of all) delivery.requeue();
    this.returned = all.length;
  }

  result(): Sifted {
    if (this.#failure !== undefined) throw this.#failure;
    return { handled: this.#handled, kept: this.#held.length, unexamined: this.ready - this.#examined };
  }

  #advance(): void {
    while (!this.#isOver && this.#running.size < WINDOW && !this.#isEnough) {
      const delivery = this.#waiting.shift();
      if (delivery === undefined) break;
      this.#examined += 1;
      if (this.options.select(delivery)) this.#run(delivery);
      else this.#hold(delivery);
    }
    if (this.#isEnough && this.#running.size === 0) this.end();
  }

  /** What came later than the beginning is not examined. */
  get #isEnough(): boolean {
    return this.#chosen >= this.#total || this.#examined >= this.ready;
  }

  get #isOver(): boolean {
    return this.ended.aborted || this.options.signal.aborted;
  }

  #hold(delivery: Delivery): void {
    this.#held.push(delivery);
    this.#heldBytes += delivery.body.length;
    if (this.#held.length >= HELD_MESSAGES || this.#heldBytes >= HELD_BYTES) this.end();
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
