import type { Publisher } from '../broker/broker.js';
import { Backoff } from '../concurrency/backoff.js';
import { FlotillaError, hasCode, messageOf, type ErrorCode } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { StoredEvent } from '../store/stored-event.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { sleep } from '../concurrency/sleep.js';
import { eventMessage } from './event-message.js';

export interface PublishChannelOptions {
  publisher: Publisher;
  exchange: string;
  /** The service that emitted the events. */
  source: string;
  logger: Logger;
  /** Called for each failure that is not a consequence of an earlier one. */
  onFailure: (code: ErrorCode) => void;
  /** Aborts every wait. */
  signal: AbortSignal;
}

/** Publishes on one channel until the result of a publish is unknown. It then drops the channel, so that nothing
 *  sent on it can arrive after publishes on the next channel; after `recovered`, the caller publishes again in
 *  order. */
export class PublishChannel {
  /** Nothing may be published until `recovered` is called. */
  failed = false;
  #failure: unknown;
  readonly #fault: FaultLog;
  readonly #backoff = new Backoff(50, 5_000);

  constructor(
    private readonly options: PublishChannelOptions,
    /** Called when the channel fails. */
    private readonly onFailed: () => void,
  ) {
    this.#fault = new FaultLog(options.logger);
  }

  get isReady(): boolean {
    return this.options.publisher.state === 'ready';
  }

  /** Publishes an event. Calls exactly one of the two callbacks, or neither if the channel fails. */
  publish(event: StoredEvent, onConfirmed: () => void, onRefused: (error: FlotillaError) => void): void {
    const { publisher, exchange, source } = this.options;
    publisher.publish(eventMessage(event, exchange, source)).then(onConfirmed, (error: unknown) => {
      if (hasCode(error, 'broker.nacked')) onRefused(error);
      else this.#fail(error, event);
    });
    failpoint('relay.published');
  }

  /** Records a confirm, so that the next failure starts with the shortest delay. */
  progressed(): void {
    this.#backoff.reset();
    if (!this.failed) this.#fault.recovered('relay: publishes are confirmed again');
  }

  /** Drops the channel without a failure; the next publish opens another one. */
  renew(): void {
    this.options.publisher.reset();
  }

  /** Ends the session: no further publish is retried. */
  end(): void {
    this.failed = true;
  }

  /** Resolves when the broker accepts publishes or the signal aborts. */
  async ready(): Promise<void> {
    const { publisher, signal } = this.options;
    try {
      await publisher.ready(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Waits for the retry delay, then for the broker. Rejects when the broker is closed permanently. */
  async waitToRecover(): Promise<void> {
    if (hasCode(this.#failure, 'broker.closed')) throw this.#failure;
    await sleep(this.#backoff.next(), this.options.signal);
    await this.ready();
  }

  recovered(): void {
    this.failed = false;
    this.#failure = undefined;
  }

  /** A publish with an unknown result makes all others on the channel uncertain. Those fail as well and are not
   *  reported. */
  #fail(error: unknown, { id, type, position }: StoredEvent): void {
    if (this.failed) return;
    this.failed = true;
    this.#failure = error;
    const { publisher, onFailure } = this.options;
    const code: ErrorCode = error instanceof FlotillaError ? error.code : 'broker.disconnected';
    onFailure(code);
    this.#fault.failed(
      `relay: publish not confirmed; republishing from position ${position}`,
      { code, error: messageOf(error), event: id, type, position },
      code,
    );
    publisher.reset();
    this.onFailed();
  }
}
