import type { EventEnvelope } from '../events/envelope.js';

/** An event as the store keeps it. `body` is what goes on the wire, byte for byte; `event` is parsed when asked for,
 *  because a relay never asks. */
export class StoredEvent {
  #event: EventEnvelope | undefined;

  constructor(
    /** Its place among all events of this store; rises, without meaning otherwise. */
    readonly position: number,
    /** The stream, which is the subject: `order/<id>`. */
    readonly stream: string,
    /** Its place in the stream, from 1. */
    readonly version: number,
    readonly id: string,
    readonly type: string,
    /** Milliseconds since the epoch. */
    readonly time: number,
    readonly correlationId: string,
    readonly body: string,
  ) {}

  get event(): EventEnvelope {
    this.#event ??= JSON.parse(this.body) as EventEnvelope;
    return this.#event;
  }
}
