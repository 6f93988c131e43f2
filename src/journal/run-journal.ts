import type { StreamEntry } from '../broker/broker.js';
import { Backoff } from '../concurrency/backoff.js';
import { sleep } from '../concurrency/sleep.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { messageOf } from '../errors.js';
import { isAccepted } from '../event-log/consumers/accept-entry.js';
import { consumeStream, type ConsumerSession, type StreamConsumer } from '../event-log/consumers/stream-consumer.js';
import { BEFORE_FIRST, positionOf, type LogBreak } from '../event-log/positions/position.js';
import { GATHER_MS } from '../event-log/reading/follow-verified.js';
import { failpoint } from '../failpoints.js';
import { FaultLog, FaultLogs } from '../telemetry/fault-log.js';
import type { ServiceStores } from '../store/service-stores.js';
import type { Tx } from '../store/store.js';
import type { StreamWorkerContext } from '../worker/definition/worker-definition.js';
import { fillGaps, noteGap, type FillGapsOptions } from './fill-gaps.js';
import { migrateJournal } from './migrations.js';
import { reachableStores, remedyFrom } from './reachable-stores.js';
import { insertRecords, recordOfEntry } from './rows.js';
import { countStored } from './seen.js';

/** Stores the entries of the stream in batches, each in one transaction with the checkpoint, therefore exactly once.
 *  Beside it, the leading process fills gaps from the stores of the services. */
export function runJournal(context: StreamWorkerContext): StreamConsumer {
  const stores = reachableStores(context.serviceStores, context.logger);
  const comparisons = new FaultLogs(context.logger);
  return consumeStream(context, (session) => runSession(session, context, stores, comparisons));
}

async function runSession(
  session: ConsumerSession,
  context: StreamWorkerContext,
  stores: ServiceStores,
  comparisons: FaultLogs,
): Promise<void> {
  const { store, logger } = context;
  await migrateJournal(store);
  await countStored(store, { signal: session.signal, now: Date.now });
  if (session.signal.aborted) return;
  const breaks = new Wakeup();
  const over = new AbortController();
  session.reportOffset(session.checkpoint ?? BEFORE_FIRST);
  const { alarms } = session;
  const signal = AbortSignal.any([session.signal, over.signal]);
  const filling = keepFillingGaps(context, { stores, breaks, alarms, comparisons, logger, signal, now: Date.now });
  try {
    for await (const part of session.follow({ from: session.checkpoint, gather: GATHER_MS })) {
      if (!session.isLeading()) break;
      switch (part.kind) {
        case 'entries':
          await storeBatch(session, context, part.entries);
          continue;
        case 'broken':
          alarms.raise(part.broken, await remedyFrom(stores));
          await recordBreak(session, context, part.broken);
          break;
        case 'resumed':
          await store.transaction((tx) => noteGap(tx, part, Date.now()));
          break;
      }
      breaks.notify();
    }
  } finally {
    over.abort();
    breaks.notify();
    await filling;
  }
}

async function storeBatch(
  session: ConsumerSession,
  { verify, definitions, metrics, worker }: StreamWorkerContext,
  entries: readonly StreamEntry[],
): Promise<void> {
  const newest = entries.at(-1);
  if (newest === undefined) return;
  const records = entries
    .map((entry) => (isAccepted(entry, { verify, definitions }) ? recordOfEntry(entry) : undefined))
    .filter((record) => record !== undefined);
  await session.moveCheckpoint(positionOf(newest), async ({ sql }) => void (await insertRecords(sql, records)));
  failpoint('journal.committed');
  const ignored = entries.length - records.length;
  if (ignored > 0) metrics.logPassedOver.inc({ worker }, ignored);
}

/** Records a break of the stream, before any later entry is stored. */
async function recordBreak(session: ConsumerSession, { store }: StreamWorkerContext, broken: LogBreak): Promise<void> {
  const record = (tx: Tx) => noteGap(tx, broken, Date.now());
  const { checkpoint } = session;
  // before the first entry there is no checkpoint; after a gap it stays until an entry after the gap is stored
  if (checkpoint === undefined) await store.transaction(record);
  else await session.moveCheckpoint(broken.kind === 'reset' ? BEFORE_FIRST : checkpoint, record);
}

/** Fills gaps until the signal aborts, and starts again after a failure. */
async function keepFillingGaps({ store, worker }: StreamWorkerContext, options: FillGapsOptions): Promise<void> {
  const { logger, signal } = options;
  const backoff = new Backoff(100, 30_000);
  const fault = new FaultLog(logger);
  const breaks = {
    wait(limit: number) {
      fault.recovered(`${worker}: background work succeeds again`);
      return options.breaks.wait(limit);
    },
  };
  while (!signal.aborted) {
    try {
      await fillGaps(store, { ...options, breaks });
    } catch (error) {
      fault.failed(`${worker}: background work failed; retrying`, { error: messageOf(error) });
      await sleep(backoff.next(), signal);
    }
  }
}
