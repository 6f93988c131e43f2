import { HEADERS, readReplays, textHeader } from '../../broker/messages/headers.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { republished } from '../../broker/messages/republish.js';
import type { Clock } from '../../concurrency/clock.js';
import { Presence } from '../../concurrency/presence.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { failpoint } from '../../failpoints.js';
import type { Sql, Store, Tx } from '../../store/store.js';
import type { Message } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import {
  countParked,
  deleteParked,
  findParked,
  holdOf,
  insertHold,
  insertParked,
  isAnyWaiting,
  mustWait,
  heldMessage,
  nextHeads,
  parkedReplays,
  updateParked,
  type NewParkedMessage,
  type ParkedMessage,
} from './parked-table.js';
import { SEQUENCE_GAP } from './sequence.js';
import { isInTurn, isNumbered, type MessageInTurn, type NumberedMessage } from './message-in-turn.js';
import { endHold, type Sequences } from './sequences.js';

/** Parked messages of a worker, and of a key, beyond which a partition waits. */
export const MAX_PARKED = 10_000;
export const MAX_PARKED_OF_KEY = 1_000;
/** Parked messages beyond which a partition waits. */
export interface ParkingLimits {
  all: number;
  ofKey: number;
}

export interface ParkingOptions {
  clock: Pick<Clock, 'now' | 'after'>;
  /** @default `MAX_PARKED` and `MAX_PARKED_OF_KEY` */
  limits?: ParkingLimits | undefined;
  /** For a worker that handles consecutive numbers. */
  sequences?: Sequences | undefined;
  /** Milliseconds after which room is looked for without a notification. */
  pollInterval: number;
}

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

/** The parked messages of a worker, in its store. Every process of the worker may add some; one of them handles them. */
export class Parking {
  /** The messages that wait because too many are parked, with their keys. */
  readonly #room = new Map<Wakeup, string>();
  readonly #clock: ParkingOptions['clock'];
  readonly #limits: ParkingLimits;
  readonly #sequences: Sequences | undefined;
  readonly #pollInterval: number;
  readonly #waiting: Presence;
  readonly #stopListening: () => void;

  constructor(
    private readonly store: Pick<Store, 'query' | 'peek' | 'transaction' | 'onNotify'>,
    private readonly worker: string,
    { clock, limits = { all: MAX_PARKED, ofKey: MAX_PARKED_OF_KEY }, sequences, pollInterval }: ParkingOptions,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#sequences = sequences;
    this.#pollInterval = pollInterval;
    this.#waiting = new Presence(() => isAnyWaiting(store.peek, worker));
    this.#stopListening = store.onNotify(parkingTopic(worker), () => {
      this.#waiting.changed();
      this.recheckRoom();
    });
  }

  /** The keys whose messages wait because too many are parked. */
  get full(): ReadonlySet<string> {
    return new Set(this.#room.values());
  }

  /** Whether any message of the worker may wait. */
  get mayWait(): boolean {
    return this.#waiting.may;
  }

  /** Parks a message if it may not be handled yet. `first`: it may be handled now. `full`: there is no room for it. */
  async follow(message: MessageInTurn): Promise<'first' | 'parked' | 'full'> {
    if (isNumbered(message)) await this.#sequences?.begin(this.store, message);
    if (!(await this.#mustWait(this.store.peek, message, this.#waiting.may))) return 'first';
    const place = await this.#transaction((tx) => this.#placeOf(tx, message));
    failpoint('worker.parked');
    return place;
  }

  /** Lets a parked message be refused whose predecessors are missing. */
  async resume(message: MessageInTurn): Promise<'first'> {
    if (isNumbered(message)) message.refusal = await this.#sequences?.gapBefore(this.store.query, message);
    return 'first';
  }

  /** The first message of each key that is not held, those due first before the others. No message is refused for missing
   *  predecessors that may have been delivered only since `consumingSince`, in milliseconds since the epoch. */
  heads(limit: number, consumingSince: number): Promise<ParkedMessage[]> {
    if (this.#sequences === undefined) return nextHeads(this.store.peek, this.worker, limit);
    return this.#sequences.heads(this.store.peek, limit, consumingSince);
  }

  /** Another process may have parked messages of the keys that this one handles from now on. */
  recheck(): void {
    this.#waiting.changed();
  }

  /** Lets the messages that wait for room find out whether they may be placed, or are over. */
  recheckRoom(): void {
    for (const wakeup of this.#room.keys()) wakeup.notify();
  }

  /** Parks a failed message until its next attempt. */
  async wait(message: MessageInTurn, delay: number, headers: Fields): Promise<void> {
    await this.#change(async (tx) => {
      await this.#put(tx, message, this.#clock.now() + delay, headers);
      await this.#sequences?.endGap(tx, message.turn);
    });
    failpoint('worker.parked_retry');
  }

  /** Holds the key of a message that was dead-lettered: it stays parked, unless its replay waits already. */
  async hold(message: MessageInTurn, code: string): Promise<void> {
    await this.#change(async (tx) => {
      if (await this.#isGapFilled(tx, message)) return;
      const place = await this.#put(tx, message, this.#clock.now());
      if (await this.#replaceByReplay(tx, message, place)) return;
      await insertHold(tx.sql, this.worker, { key: message.turn, since: this.#clock.now(), code, place });
    });
    failpoint('worker.held');
  }

  /** The message is handled in this transaction, which also removes its row. */
  async handle(tx: Tx, message: Message): Promise<void> {
    const { parked } = message;
    if (parked !== undefined) await deleteParked(tx.sql, this.worker, parked.place);
    const isNext = isInTurn(message) && isNumbered(message) && (await this.#sequences?.pass(tx, message)) === true;
    if (parked !== undefined || isNext) await tx.notify(parkingTopic(this.worker));
  }

  /** Lets the next message of a key follow one that needs no further handling. */
  async settled(message: MessageInTurn, outcome: DeliveryOutcome): Promise<void> {
    const { parked, turn: key } = message;
    for (const [wakeup, waiting] of this.#room) if (waiting === key) wakeup.notify();
    const passes = outcome !== 'done' && isNumbered(message) && !(await this.#isPassed(message));
    const isRemoved = parked === undefined || outcome === 'done';
    if (passes || !isRemoved) {
      await this.#change(async (tx) => {
        if (await this.#isGapFilled(tx, message)) return;
        if (!isRemoved) await deleteParked(tx.sql, this.worker, parked.place);
        if (passes) await this.#sequences?.pass(tx, message);
      });
    }
    if (passes || parked !== undefined) failpoint('worker.unparked');
  }

  /** Resolves when a message that found no room may be parked or handled; with false when `isOver` or its delivery is lost. */
  async untilRoom(message: MessageInTurn, isOver: () => boolean): Promise<boolean> {
    const { turn: key } = message;
    const { lost } = message.delivery;
    const wakeup = new Wakeup(this.#clock.after);
    const wake = () => wakeup.notify();
    this.#room.set(wakeup, key);
    lost.addEventListener('abort', wake);
    try {
      while (!isOver()) {
        if (this.#hasRoom(await countParked(this.store.query, this.worker, key))) return true;
        if (!(await this.#mustWait(this.store.query, message, true))) return true;
        await wakeup.wait(this.#pollInterval);
      }
      return false;
    } finally {
      lost.removeEventListener('abort', wake);
      this.#room.delete(wakeup);
    }
  }

  close(): void {
    this.#stopListening();
  }

  /** Parks a message, unless it is parked already, or nothing precedes it any more. */
  async #placeOf(tx: Tx, message: MessageInTurn): Promise<'first' | 'parked' | 'full'> {
    const { turn: key, envelope } = message;
    if (!(await this.#mustWait(tx.sql, message, true))) return 'first';
    if (await this.#replaceHeld(tx, message)) return 'parked';
    if ((await findParked(tx.sql, this.worker, envelope)) !== undefined) return 'parked';
    if (!this.#hasRoom(await countParked(tx.sql, this.worker, key))) return 'full';
    await insertParked(tx.sql, this.worker, this.#rowOf(message, this.#clock.now()));
    await tx.notify(parkingTopic(this.worker));
    return 'parked';
  }

  /** `mayWait`: whether anything may be parked or held. */
  async #mustWait(sql: Sql, message: MessageInTurn, mayWait: boolean): Promise<boolean> {
    if (this.#sequences !== undefined && isNumbered(message)) return this.#sequences.mustWait(sql, message, mayWait);
    return mayWait && mustWait(sql, this.worker, message.turn);
  }

  async #isPassed({ turn: key, sequence }: NumberedMessage): Promise<boolean> {
    const passed = await this.#sequences?.passed(this.store.query, key);
    return passed === undefined || sequence <= passed;
  }

  /** Whether the predecessors of a message that was refused without them have arrived since: it may be handled. */
  async #isGapFilled({ sql }: Tx, message: MessageInTurn): Promise<boolean> {
    if (message.refusal?.code !== SEQUENCE_GAP || !isNumbered(message)) return false;
    return (await this.#sequences?.gapBefore(sql, message)) === undefined;
  }

  #hasRoom({ all, ofKey }: { all: number; ofKey: number }): boolean {
    return all < this.#limits.all && ofKey < this.#limits.ofKey;
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

  /** Replaces the row of a message, or adds one. Resolves with its place. */
  async #put(tx: Tx, message: MessageInTurn, dueAt: number, headers?: Fields): Promise<number> {
    const row = this.#rowOf(message, dueAt, headers);
    const known = message.parked ?? (await findParked(tx.sql, this.worker, message.envelope));
    if (known === undefined) return insertParked(tx.sql, this.worker, row);
    await updateParked(tx.sql, this.worker, { ...known, ...row, since: known.since });
    return known.place;
  }

  /** A replayed dead letter, possibly edited, replaces the message that holds its key, and ends the hold. */
  async #replaceHeld(tx: Tx, message: MessageInTurn): Promise<boolean> {
    const { turn: key, envelope, delivery } = message;
    if (readReplays(delivery.properties.headers) === 0) return false;
    const hold = await holdOf(tx.sql, this.worker, key);
    const head = hold && (await heldMessage(tx.sql, this.worker, hold));
    if (hold === undefined || head === undefined) return false;
    const isSame =
      originalId(head.id, head.properties.headers) === originalId(envelope.id, delivery.properties.headers);
    if (!isSame) return false;
    await updateParked(tx.sql, this.worker, { ...head, ...this.#rowOf(message, this.#clock.now()), since: head.since });
    await endHold(tx, this.worker, hold);
    await tx.notify(parkingTopic(this.worker));
    return true;
  }

  /** A process that ended before it could hold the key may have let the replay of a dead letter be parked behind others. */
  async #replaceByReplay(
    { sql }: Tx,
    { turn: key, envelope, delivery }: MessageInTurn,
    place: number,
  ): Promise<boolean> {
    const { headers } = delivery.properties;
    const [id, replays] = [originalId(envelope.id, headers), readReplays(headers)];
    const replay = (await parkedReplays(sql, this.worker, key)).find(
      ({ id: other, properties }) =>
        readReplays(properties.headers) > replays && originalId(other, properties.headers) === id,
    );
    if (replay === undefined) return false;
    await deleteParked(sql, this.worker, Math.max(place, replay.place));
    await updateParked(sql, this.worker, { ...replay, place: Math.min(place, replay.place) });
    return true;
  }

  #rowOf(
    { turn: key, sequence, envelope, delivery }: MessageInTurn,
    dueAt: number,
    headers: Fields = {},
  ): NewParkedMessage {
    const { source, id, type } = envelope;
    const { exchange, routingKey, body, origin } = delivery;
    const properties = { headers: {}, ...republished(delivery.properties, headers) };
    const since = this.#clock.now();
    return { key, sequence, source, id, type, exchange, routingKey, body, properties, origin, dueAt, since };
  }
}

/** An edited event has another id, and the key of the original one. */
function originalId(id: string, headers: Fields): string {
  return textHeader(headers, HEADERS.key) ?? id;
}
