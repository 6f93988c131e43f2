import { HEADERS, readReplays, textHeader } from '../../broker/messages/headers.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { republished } from '../../broker/messages/republish.js';
import type { Clock } from '../../concurrency/clock.js';
import { Presence } from '../../concurrency/presence.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { failpoint } from '../../failpoints.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Store, Tx } from '../../store/store.js';
import type { Message } from '../pipeline/message.js';
import {
  countParked,
  deleteHold,
  deleteParked,
  findParked,
  firstParked,
  holdOf,
  insertHold,
  insertParked,
  isAnyWaiting,
  mustWait,
  updateParked,
  type NewParkedMessage,
  type ParkedMessage,
} from './parked-table.js';

/** Parked messages of a worker, and of a key, beyond which a partition waits. */
export const MAX_PARKED = 10_000;
export const MAX_PARKED_OF_KEY = 1_000;
/** While there is no room, it is looked for at this interval even without a notification. */
const ROOM_CHECK_MS = 2_000;

/** The topic that is notified of changes of the parked messages of a worker. */
export function parkingTopic(worker: string): string {
  return `ordering:${worker}`;
}

/** A change of the parked messages of a worker, about which all of its processes are notified. */
export function notifying<T>(worker: string, work: (tx: Tx) => Promise<T>): (tx: Tx) => Promise<T> {
  return async (tx) => {
    const result = await work(tx);
    await tx.notify(parkingTopic(worker));
    return result;
  };
}

/** A message in turn. */
export type MessageInTurn = Message & { turn: string; envelope: EventEnvelope };

export function isInTurn(message: Message): message is MessageInTurn {
  return message.turn !== undefined && message.envelope !== undefined;
}

/** The parked messages of a worker, in its store. Every process of the worker may add some; one of them handles them. */
export class Parking {
  /** The keys whose messages wait because too many are parked. */
  readonly full = new Set<string>();
  readonly #room = new Map<string, Wakeup>();
  readonly #waiting: Presence;
  readonly #stopListening: () => void;

  constructor(
    private readonly store: Pick<Store, 'query' | 'transaction' | 'onNotify'>,
    private readonly worker: string,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly limits = { all: MAX_PARKED, ofKey: MAX_PARKED_OF_KEY },
  ) {
    this.#waiting = new Presence(() => isAnyWaiting(store.query, worker));
    this.#stopListening = store.onNotify(parkingTopic(worker), () => {
      this.#waiting.changed();
      for (const wakeup of this.#room.values()) wakeup.notify();
    });
  }

  /** Parks a message if others of its key are parked, or the key is held. `first`: it may be handled now. `returned`: its
   *  delivery was lost while there was no room. */
  async follow(message: MessageInTurn): Promise<'first' | 'parked' | 'returned'> {
    const { turn: key, delivery } = message;
    if (!this.#waiting.may || !(await mustWait(this.store.query, this.worker, key))) return 'first';
    for (;;) {
      const place = await this.#transaction((tx) => this.#placeOf(tx, message));
      failpoint('worker.parked');
      if (place !== 'full') return place;
      if (!(await this.#untilRoom(key, delivery.lost))) return 'returned';
    }
  }

  /** Another process may have parked messages of the keys that this one handles from now on. */
  recheck(): void {
    this.#waiting.changed();
  }

  /** Parks a failed message until its next attempt. */
  async wait(message: MessageInTurn, delay: number, headers: Fields): Promise<void> {
    await this.#change((tx) => this.#put(tx, message, this.clock.now() + delay, headers));
    failpoint('worker.parked_retry');
  }

  /** Holds the key of a message that was dead-lettered: it stays the first one. */
  async hold(message: MessageInTurn, code: string): Promise<void> {
    await this.#change(async (tx) => {
      await this.#put(tx, message, this.clock.now());
      await insertHold(tx.sql, this.worker, { key: message.turn, since: this.clock.now(), code });
    });
    failpoint('worker.held');
  }

  /** Deletes a parked message that has been settled: the next one of its key may be handled. */
  async remove({ place }: ParkedMessage): Promise<void> {
    await this.#change((tx) => deleteParked(tx.sql, this.worker, place));
    failpoint('worker.unparked');
  }

  close(): void {
    this.#stopListening();
  }

  /** Parks a message, unless it is parked already, or nothing precedes it any more. */
  async #placeOf(tx: Tx, message: MessageInTurn): Promise<'first' | 'parked' | 'full'> {
    const { turn: key, envelope } = message;
    if (!(await mustWait(tx.sql, this.worker, key))) return 'first';
    if (await this.#replaceHeld(tx, message)) return 'parked';
    if ((await findParked(tx.sql, this.worker, envelope)) !== undefined) return 'parked';
    if (!this.#hasRoom(await countParked(tx.sql, this.worker, key))) return 'full';
    await insertParked(tx.sql, this.worker, this.#rowOf(message, this.clock.now()));
    await tx.notify(parkingTopic(this.worker));
    return 'parked';
  }

  #hasRoom({ all, ofKey }: { all: number; ofKey: number }): boolean {
    return all < this.limits.all && ofKey < this.limits.ofKey;
  }

  #change<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(notifying(this.worker, work));
  }

  /** What it has written is known when it resolves, before the next message of the key has its turn. */
  async #transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    try {
      return await this.store.transaction(work);
    } finally {
      this.#waiting.changed();
    }
  }

  /** Replaces the row of a message, or adds one. */
  async #put(tx: Tx, message: MessageInTurn, dueAt: number, headers?: Fields): Promise<void> {
    const row = this.#rowOf(message, dueAt, headers);
    const known = message.parked ?? (await findParked(tx.sql, this.worker, message.envelope));
    if (known === undefined) await insertParked(tx.sql, this.worker, row);
    else await updateParked(tx.sql, this.worker, { ...known, ...row, since: known.since });
  }

  /** A replayed dead letter, possibly edited, replaces the message that holds its key, and ends the hold. */
  async #replaceHeld(tx: Tx, message: MessageInTurn): Promise<boolean> {
    const { turn: key, envelope, delivery } = message;
    if (readReplays(delivery.properties.headers) === 0) return false;
    const hold = await holdOf(tx.sql, this.worker, key);
    const head = await firstParked(tx.sql, this.worker, key);
    if (hold === undefined || head === undefined) return false;
    const isSame =
      originalId(head.id, head.properties.headers) === originalId(envelope.id, delivery.properties.headers);
    if (!isSame) return false;
    await updateParked(tx.sql, this.worker, { ...head, ...this.#rowOf(message, this.clock.now()), since: head.since });
    await deleteHold(tx.sql, this.worker, key);
    await tx.notify(parkingTopic(this.worker));
    return true;
  }

  #rowOf({ turn: key, envelope, delivery }: MessageInTurn, dueAt: number, headers: Fields = {}): NewParkedMessage {
    const { source, id, type } = envelope;
    const { exchange, routingKey, body, origin } = delivery;
    const properties = { headers: {}, ...republished(delivery.properties, headers) };
    return { key, source, id, type, exchange, routingKey, body, properties, origin, dueAt, since: this.clock.now() };
  }

  /** Resolves when there may be room; with false when `lost` aborts. */
  async #untilRoom(key: string, lost: AbortSignal): Promise<boolean> {
    const wakeup = new Wakeup();
    const wake = () => wakeup.notify();
    this.full.add(key);
    this.#room.set(key, wakeup);
    lost.addEventListener('abort', wake);
    try {
      while (!lost.aborted) {
        await wakeup.wait(ROOM_CHECK_MS);
        if (this.#hasRoom(await countParked(this.store.query, this.worker, key))) return true;
      }
      return false;
    } finally {
      lost.removeEventListener('abort', wake);
      this.full.delete(key);
      this.#room.delete(key);
    }
  }
}

/** An edited event has another id, and the key of the original one. */
function originalId(id: string, headers: Fields): string {
  return textHeader(headers, HEADERS.key) ?? id;
}
