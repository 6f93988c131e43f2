import type { Delivery } from '../../broker/broker.js';
import type { ParkedMessage } from './parked-table.js';

/** The delivery of a parked message, which its row settles: see `turn`. */
export class ParkedDelivery implements Delivery {
  readonly redelivered = true;

  constructor(
    readonly row: ParkedMessage,
    readonly queue: string,
    /** Aborts when another process may handle the parked messages. */
    readonly lost: AbortSignal,
  ) {}

  get exchange(): string {
    return this.row.exchange;
  }

  get routingKey(): string {
    return this.row.routingKey;
  }

  get body(): Uint8Array {
    return this.row.body;
  }

  get properties(): ParkedMessage['properties'] {
    return this.row.properties;
  }

  get origin(): Delivery['origin'] {
    return this.row.origin;
  }

  ack(): void {
    // the row is gone
  }

  requeue(): void {
    // the row remains
  }
}
