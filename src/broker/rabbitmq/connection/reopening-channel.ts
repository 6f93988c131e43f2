import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { backoffDelay } from '../../../concurrency/backoff.js';
import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import { BoundedLog } from '../../../telemetry/bounded-log.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { Connection } from './connection.js';
import { REQUEST_TIMEOUT_MS, within } from '../limits.js';
import { asBrokerError, codeOf, isNodeDown } from './scratch-channel.js';

export interface ReopeningChannelOptions<C extends Channel> {
  connection: Connection;
  logger: Logger;
  /** For logs. */
  purpose: string;
  open: () => Promise<C>;
  /** Called with every new channel. If it rejects, the channel is dropped and another one opened. */
  opened: (channel: C) => Promise<void>;
  /** Called when the broker closes the channel because something does not exist. */
  missing: () => void;
  /** Called in the tick in which the channel becomes unusable, before amqplib notifies other listeners. */
  lost: (channel: C, reason: Error) => void;
  /** Milliseconds of a monotonic clock. */
  now?: () => number;
}

const REOPEN_DELAY_MS = { first: 50, most: 2000 };
/** A channel that lasted this long was stable: the next one is opened without a delay. */
const STABLE_AFTER_MS = 1000;
/** Minimum time between two warnings that the broker closed the channel for the same reason. */
const WARNING_INTERVAL_MS = 60_000;

/** Keeps one channel open: whenever it or its connection fails, another is opened, with growing delays after
 *  repeated failures. amqplib does not reopen a failed channel, and a channel without an `error` listener closes its
 *  connection. */
export class ReopeningChannel<C extends Channel> {
  readonly #options: ReopeningChannelOptions<C>;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  readonly #closures: BoundedLog;
  readonly #now: () => number;
  #current: Life<C> | undefined;
  /** Consecutive failures. */
  #failures = 0;

  constructor(options: ReopeningChannelOptions<C>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#closures = new BoundedLog(options.logger, WARNING_INTERVAL_MS, this.#now);
    this.#done = this.#run();
  }

  /** Drops the channel and opens another once the broker has confirmed its end, so that nothing sent on it can
   *  overtake messages of the next one. `failed`: delay as after a failure. */
  drop(reason: Error, { failed = false } = {}): void {
    const life = this.#current;
    if (life === undefined) return;
    life.failed ||= failed;
    this.#lose(life, reason);
    life.channel.close().catch((error: unknown) => this.#debug('the channel was closed already', error));
  }

  /** Resolves when the channel is closed; it is not reopened. */
  async close(): Promise<void> {
    this.#closing.abort(new FlotillaError('broker.closed'));
    this.drop(new FlotillaError('broker.closed'));
    await this.#done;
  }

  async #run(): Promise<void> {
    const { connection, open, opened } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await connection.state.until(['ready', 'blocked'], signal);
        if (this.#failures > 0) await sleep(backoffDelay(this.#failures, REOPEN_DELAY_MS), undefined, { signal });
        const since = this.#now();
        const life = this.#live(await this.#answered('opening a channel', open()));
        if (signal.aborted) this.drop(new FlotillaError('broker.closed'));
        else await opened(life.channel).catch((error: unknown) => this.drop(disconnected(error), { failed: true }));
        await life.lost;
        await this.#ended(life);
        this.#failures = !life.failed || this.#now() - since >= STABLE_AFTER_MS ? 0 : this.#failures + 1;
      } catch (error) {
        if (connection.state.value === 'closed') return;
        this.#failures += 1;
        this.#debug('no channel yet', error);
      }
    }
  }

  #live(channel: C): Life<C> {
    const life = new Life(channel);
    this.#current = life;
    channel.on('error', (error: Error) => {
      life.failed = true;
      const message = 'the broker closed a channel';
      const fields = { purpose: this.#options.purpose, reason: error.message };
      if (!this.#closures.log('warn', error.message, message, fields)) this.#options.logger.debug(message, fields);
      if (codeOf(error) === 404 && !isNodeDown(error)) this.#options.missing();
      this.#lose(life, disconnected(error));
    });
    // before amqplib's own listener, which fails every confirm without a reason
    channel.prependListener('close', () => {
      this.#lose(life, new FlotillaError('broker.disconnected'));
      life.end();
    });
    return life;
  }

  #lose(life: Life<C>, reason: Error): void {
    if (this.#current !== life) return;
    this.#current = undefined;
    life.lose();
    this.#options.lost(life.channel, reason);
  }

  /** Waits for the end of a channel. While the broker is blocked it reads nothing, so the wait is unbounded. */
  async #ended(life: Life<C>): Promise<void> {
    await this.#answered('closing a channel', life.ended);
  }

  async #answered<T>(what: string, work: Promise<T>): Promise<T> {
    const { connection } = this.#options;
    for (;;) {
      try {
        return await within(REQUEST_TIMEOUT_MS, what, work);
      } catch (error) {
        const late = error instanceof FlotillaError && error.code === 'broker.timeout';
        if (!late) throw error;
        if (connection.state.value === 'blocked' && !this.#closing.signal.aborted) continue;
        connection.cut(`${what} was not answered`);
        throw error;
      }
    }
  }

  #debug(message: string, error: unknown): void {
    this.#options.logger.debug(message, { purpose: this.#options.purpose, reason: messageOf(error) });
  }
}

/** One channel from its opening to its end. */
class Life<C extends Channel> {
  readonly lost: Promise<void>;
  readonly ended: Promise<void>;
  lose: () => void = () => undefined;
  end: () => void = () => undefined;
  failed = false;

  constructor(readonly channel: C) {
    this.lost = new Promise((resolve) => (this.lose = resolve));
    this.ended = new Promise((resolve) => (this.end = resolve));
  }
}

function disconnected(cause: unknown): FlotillaError {
  if (cause instanceof FlotillaError) return cause;
  const error = asBrokerError(cause);
  if (hasCode(error, 'broker.not_permitted')) return error;
  return new FlotillaError('broker.disconnected', messageOf(cause), { cause });
}
