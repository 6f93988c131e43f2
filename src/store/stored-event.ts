import type { EventEnvelope } from '../events/envelope.js';

/** An event as stored. `body` is the published message body, byte for byte; `event` is parsed on first access,
 *  because the relay needs only the body. */
export class StoredEvent {
  #event: EventEnvelope | undefined;

  constructor(
    /** Its position among all events of this store; rises with every event and has no other meaning. */
    readonly position: number,
    /** The stream, which is also the subject: `order/<id>`. */
    readonly stream: string,
    /** Its version in the stream, from 1. */
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
