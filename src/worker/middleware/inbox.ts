import { HEADERS, readReplaced } from '../../broker/messages/headers.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { failpoint } from '../../failpoints.js';
import { Emissions, runEffects } from '../handler/effects.js';
import type { Message } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import { PendingChange } from '../../store/pending-change.js';
import type { InboxKey } from '../../store/store.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';

/** Handles an event once: reads the inbox before handling, and writes the inbox row in the transaction that also
 *  contains the deferred writes of the handler. Two deliveries of one event in this process are handled sequentially;
 *  between processes, the row decides. */
export const inbox: Middleware<WorkerPipelineContext> = (next, context) => {
  const { store, startMarks, ordering } = context;
  const running = new Map<string, Promise<unknown>>();
  return async (message) => {
    const { event, delivery, key } = message;
    if (event === undefined || key === undefined) throw new FlotillaError('worker.handler_failed', 'not decoded');
    const name = `${key.source} ${key.id}`;
    for (let other = running.get(name); other !== undefined; other = running.get(name)) {
      await settledOrAborted(other, delivery.lost);
      message.wasHandled = undefined;
      if (delivery.lost.aborted) return 'returned'; // the broker redelivers it
    }
    // no await until the work is in the map: another delivery may be at the previous line
    const work = handleOnce(message, key, event);
    running.set(name, work);
    try {
      return await work;
    } finally {
      running.delete(name);
    }
  };

  async function handleOnce(message: Message, key: InboxKey, event: EventEnvelope): Promise<DeliveryOutcome> {
    const keys = [key, ...replacedKeys(message, key)] as const;
    for (const each of keys) {
      const known = each === key ? message.wasHandled : undefined;
      if (await (known ?? store.handled(each))) return 'duplicate';
    }
    try {
      return await handleAndCommit(message, keys, event);
    } catch (error) {
      await startMarks.remove(message, key);
      throw error;
    }
  }

  async function handleAndCommit(
    message: Message,
    keys: readonly [InboxKey, ...InboxKey[]],
    event: EventEnvelope,
  ): Promise<DeliveryOutcome> {
    const outcome = await next(message);
    if (outcome !== 'done') return outcome;
    failpoint('worker.handled');
    const { effects, after } = message;
    const [key, ...replaced] = keys;
    const change = ordering && new PendingChange();
    const options = { change, after };
    const written =
      isAlone(message) && replaced.length === 0
        ? store.markHandled(key, options)
        : store.transaction(async (tx) => {
            for (const each of keys) if (!(await tx.markHandled(each))) return false;
            await runEffects(tx, effects, new Emissions(context, event));
            await ordering?.parking.handle(tx, message);
            return true;
          }, options);
    if (change !== undefined) ordering?.passTurn(message, change);
    const isFirst = await written;
    failpoint('worker.committed');
    return isFirst ? 'done' : 'duplicate';
  }
};

/** Whether the inbox row is all that is written when the message is handled. */
function isAlone({ effects, parked, sequence }: Message): boolean {
  return effects.length === 0 && parked === undefined && sequence === undefined;
}

/** The keys of the events that an edited one replaces: they count as handled together with it. */
function replacedKeys({ delivery }: Message, { consumer }: InboxKey): InboxKey[] {
  const { headers } = delivery.properties;
  return headers[HEADERS.replaces] === undefined
    ? []
    : readReplaced(headers).map(({ source, id }) => ({ consumer, source, id }));
}

/** Resolves when the work settles or the signal aborts. */
async function settledOrAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let aborted = () => {};
  const lost = new Promise<void>((resolve) => (aborted = resolve));
  signal.addEventListener('abort', aborted, { once: true });
  await Promise.race([work, lost]).catch(() => undefined);
  signal.removeEventListener('abort', aborted);
}
