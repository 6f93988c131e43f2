import type { EventEnvelope } from '../events/envelope.js';

/** An event as stored. `body` is the published message body, byte for byte; `event` is parsed on first access,
 *  because the relay needs only the body. */
export class StoredEvent {
  #event: EventEnvelope | undefined;
  readonly #id: string;
  readonly #correlationId: string;
  readonly #idOf: (stored: string) => string;

  /** `idOf` converts an id from its stored form. An id consists of many strings, which slow down garbage collection, and many
   *  readers do not need it. */
  constructor(
    /** Its position among all events of this store; rises with every event and has no other meaning. */
    readonly position: number,
    /** The stream, which is also the subject: `order/<id>`. */
    readonly stream: string,
    /** Its version in the stream, from 1. */
    readonly version: number,
    id: string,
    readonly type: string,
    /** Milliseconds since the epoch. */
    readonly time: number,
    correlationId: string,
    readonly body: string,
    idOf: (stored: string) => string,
  ) {
    this.#id = id;
    this.#correlationId = correlationId;
    this.#idOf = idOf;
  }

  get id(): string {
    return this.#idOf(this.#id);
  }

  get correlationId(): string {
    return this.#idOf(this.#correlationId);
  }

  get event(): EventEnvelope {
    this.#event ??= JSON.parse(this.body) as EventEnvelope;
    return this.#event;
  }
}
