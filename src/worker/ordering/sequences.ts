import type { Clock } from '../../concurrency/clock.js';
import { FlotillaError } from '../../errors.js';
import type { Sql, Store, Tx } from '../../store/store.js';
import type { SequenceOptions } from '../definition/worker-definition.js';
import { deleteHold, firstParked, heldMessage, holdOf, type Hold, type ParkedMessage } from './parked-table.js';
import type { NumberedMessage } from './message-in-turn.js';
import { headsInSequence, isParkedUpTo, passedNumber, raisePassed } from './passed-table.js';
import { formatKey, formatNumbers, SEQUENCE_GAP } from './sequence.js';

/** The sequences of a worker, in its store: the last number of each key that is not waited for. */
export class Sequences {
  constructor(
    private readonly worker: string,
    private readonly options: SequenceOptions,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  /** Lets the sequence of a key begin with a message, if any number may be the first. */
  async begin(store: Pick<Store, 'query' | 'transaction'>, { turn: key, sequence }: NumberedMessage): Promise<void> {
    if (this.options.startsAt === 'first' || (await passedNumber(store.query, this.worker, key)) !== undefined) return;
    const passed = { key, number: sequence - 1, at: this.clock.now() };
    await store.transaction(({ sql }) => raisePassed(sql, this.worker, passed));
  }

  /** The last number of a key that is not waited for; 0 at first. */
  async passed(sql: Sql, key: string): Promise<number> {
    return (await passedNumber(sql, this.worker, key)) ?? 0;
  }

  /** Whether a message has to wait. `mayWait`: whether anything may be parked or held. */
  async mustWait(sql: Sql, { turn: key, sequence }: NumberedMessage, mayWait: boolean): Promise<boolean> {
    const passed = await this.passed(sql, key);
    const isNext = sequence <= passed + 1;
    if (mayWait && isClosedTo(await holdOf(sql, this.worker, key), isNext)) return true;
    if (sequence <= passed) return false;
    return !isNext || (mayWait && (await isParkedUpTo(sql, this.worker, key, sequence)));
  }

  /** The error of a message whose predecessors are missing. */
  async gapBefore(sql: Sql, { turn: key, sequence }: NumberedMessage): Promise<FlotillaError | undefined> {
    const from = (await this.passed(sql, key)) + 1;
    if (sequence <= from) return undefined;
    const missing = formatNumbers({ from, to: sequence - 1 });
    return new FlotillaError(SEQUENCE_GAP, `event ${sequence} of ${formatKey(key)} arrived without ${missing}`);
  }

  /** No later message of the key waits for this one any more. Resolves with whether a parked one may be handled. */
  async pass(tx: Tx, { turn: key, sequence }: NumberedMessage): Promise<boolean> {
    await raisePassed(tx.sql, this.worker, { key, number: sequence, at: this.clock.now() });
    return this.endGap(tx, key);
  }

  /** Ends the hold of a key that a gap has caused, if no number is missing before its first message. Resolves with whether
   *  that message may be handled. */
  async endGap({ sql }: Tx, key: string): Promise<boolean> {
    const first = await firstParked(sql, this.worker, key);
    const passed = await this.passed(sql, key);
    if (first?.sequence === undefined || first.sequence > passed + 1) return false;
    const hold = await holdOf(sql, this.worker, key);
    if (hold?.code === SEQUENCE_GAP) await deleteHold(sql, this.worker, key);
    return true;
  }

  heads(sql: Sql, limit: number, notBefore: number): Promise<ParkedMessage[]> {
    return headsInSequence(sql, this.worker, { limit, gapTimeout: this.options.gapTimeout, notBefore });
  }
}

/** The hold of a gap does not concern the messages that fill it. */
function isClosedTo(hold: Hold | undefined, isNext: boolean): boolean {
  return hold !== undefined && !(hold.code === SEQUENCE_GAP && isNext);
}

/** Ends a hold. Predecessors that are missing are not waited for any more. */
export async function endHold({ sql }: Tx, worker: string, hold: Hold): Promise<void> {
  await deleteHold(sql, worker, hold.key);
  if (hold.code !== SEQUENCE_GAP) return;
  const held = await heldMessage(sql, worker, hold);
  if (held?.sequence === undefined) return;
  await raisePassed(sql, worker, { key: hold.key, number: held.sequence - 1, at: hold.since });
}
