import type { StreamEntry } from '../../broker/broker.js';
import { Backoff } from '../../concurrency/backoff.js';
import { sleep } from '../../concurrency/sleep.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { messageOf } from '../../errors.js';
import { failpoint } from '../../failpoints.js';
import type { Store, Tx } from '../../store/store.js';
import type { LogAlarms } from './log-alarms.js';
import { BEFORE_FIRST, positionOf, type LogBreak } from '../positions/position.js';
import {
  consumeStream,
  type ConsumerSession,
  type StreamConsumer,
  type StreamConsumerOptions,
} from './stream-consumer.js';

export interface BatchConsumerOptions<Item> extends StreamConsumerOptions {
  /** Creates the tables for the batches. */
  migrate: (store: Store) => Promise<void>;
  /** Converts an entry to the item to store; undefined for an entry to ignore, which is counted. */
  decode: (entry: StreamEntry) => Item | undefined;
  /** Stores a batch, in the transaction that moves the checkpoint past it. */
  onBatch: (tx: Tx, items: readonly Item[]) => Promise<void>;
  /** Records a break of the stream, before any later entry is stored. */
  onBreak: (tx: Tx, broken: LogBreak) => Promise<void>;
  /** Records that reading has continued after an interruption: a broker that was killed may have lost confirmed
   *  entries. */
  onResume: (tx: Tx) => Promise<void>;
  /** Describes how the break is handled, for the alarm. */
  remedy: () => Promise<string>;
  /** Runs beside the consumer in the leading process, until its signal aborts; restarted when it fails. */
  background: (context: BackgroundContext) => Promise<void>;
  /** Maximum number of entries per transaction. @default 500 */
  batchSize?: number;
}

export interface BackgroundContext {
  /** Notified when a break or an interruption is recorded. */
  breaks: Wakeup;
  alarms: LogAlarms;
  signal: AbortSignal;
}

/** Consumes the stream in batches. Each batch is stored in one transaction with the checkpoint, therefore exactly
 *  once. */
export function consumeBatches<Item>(options: BatchConsumerOptions<Item>): StreamConsumer {
  return consumeStream(options, (session) => runBatchSession(session, options));
}

async function runBatchSession<Item>(session: ConsumerSession, options: BatchConsumerOptions<Item>): Promise<void> {
  const { store, migrate, onBreak, onResume, remedy, batchSize } = options;
  await migrate(store);
  const breaks = new Wakeup();
  const over = new AbortController();
  session.reportOffset(session.checkpoint ?? BEFORE_FIRST);
  const background = runBackground(options, {
    breaks,
    alarms: session.alarms,
    signal: AbortSignal.any([session.signal, over.signal]),
  });
  try {
    const parts = session.follow({
      from: session.checkpoint,
      ...(batchSize !== undefined && { batchSize }),
      async onResume() {
        await store.transaction(onResume);
        breaks.notify();
      },
    });
    for await (const part of parts) {
      if (!session.isLeading()) break;
      if (part.kind === 'entries') {
        await storeBatch(session, options, part.entries);
        continue;
      }
      const { broken } = part;
      session.alarms.raise(broken, await remedy());
      const record = (tx: Tx) => onBreak(tx, broken);
      const { checkpoint } = session;
      // before the first entry there is no checkpoint; after a gap it stays until an entry after the gap is stored
      if (checkpoint === undefined) await store.transaction(record);
      else await session.moveCheckpoint(broken.kind === 'reset' ? BEFORE_FIRST : checkpoint, record);
      breaks.notify();
    }
  } finally {
    over.abort();
    breaks.notify();
    await background;
  }
}

async function storeBatch<Item>(
  session: ConsumerSession,
  { decode, onBatch, metrics, worker }: BatchConsumerOptions<Item>,
  entries: readonly StreamEntry[],
): Promise<void> {
  const newest = entries.at(-1);
  if (newest === undefined) return;
  const items = entries.map(decode).filter((item) => item !== undefined);
  await session.moveCheckpoint(positionOf(newest), (tx) => onBatch(tx, items));
  failpoint('journal.committed');
  const ignored = entries.length - items.length;
  if (ignored > 0) metrics.logPassedOver.inc({ worker }, ignored);
}

async function runBackground<Item>(
  { background, worker, logger }: BatchConsumerOptions<Item>,
  context: BackgroundContext,
): Promise<void> {
  const backoff = new Backoff(100, 30_000);
  while (!context.signal.aborted) {
    try {
      await background(context);
    } catch (error) {
      logger.warn(`${worker}: background work failed; retrying`, { error: messageOf(error) });
      await sleep(backoff.next(), context.signal);
    }
  }
}
