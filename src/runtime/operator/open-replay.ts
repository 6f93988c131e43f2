import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { logCheckpoint, migrateLogCheckpoints } from '../../event-log/positions/checkpoint-table.js';
import { FlotillaError } from '../../errors.js';
import { findJournal } from '../../journal/define-journal.js';
import { migrateJournal } from '../../journal/migrations.js';
import type { History } from '../../replay/history/history.js';
import { journalHistory } from '../../replay/history/journal-history.js';
import { logHistory } from '../../replay/history/log-history.js';
import { verifiedHistory } from '../../replay/history/verified-history.js';
import type { ReplayContext } from '../../replay/replay-context.js';
import { migrateReplays } from '../../replay/runs/run-table.js';
import type { Broker } from '../../broker/broker.js';
import type { Store } from '../../store/store.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { brokerAddress } from '../broker/broker-address.js';
import { verifyPublisher } from '../broker/verify-publisher.js';
import { describeUnread } from '../stores/existing-stores.js';
import { logAge } from '../stores/log-age.js';
import { refuseForeignStore } from '../stores/store-claims.js';
import type { FleetSession } from './fleet-session.js';
import type { Access } from './operator-broker.js';

export interface OpenReplayOptions {
  /** `read` is sufficient for a dry run. */
  access: Access;
  /** @default the journal if its store is on this machine and it has started, otherwise the log */
  from?: History['from'] | undefined;
  /** Without events that the stores of their services lack. @default false */
  verified?: boolean | undefined;
}

/** The store with the table of replays. Rejects as `FleetSession.ops`. */
export async function openReplayStore(session: FleetSession): Promise<Store> {
  const store = await session.ops();
  await migrateReplays(store);
  return store;
}

/** Opens the stores, the broker and the history for a replay to a worker; the session closes them. Rejects as
 *  `FleetSession.deadLetters`, with `replay.refused` for a fleet without a journal, and with `store.missing` for a journal on
 *  another machine. */
export async function openReplay(
  session: FleetSession,
  worker: WorkerDefinition,
  { access, from, verified = false }: OpenReplayOptions,
): Promise<ReplayContext> {
  const { names, stores, config } = session;
  // of the fleet's services only, because a message may claim any source
  const storeOf = async (source: string) =>
    stores.history.services.includes(source) ? stores.history.open(source) : undefined;
  const store = await openReplayStore(session);
  const broker = await session.broker(access);
  if (access === 'write') await refuseForeignStore(session, store);
  const history = await historyFrom(session, broker, from);
  return {
    store,
    broker,
    names,
    worker,
    workerStore: await stores.find(worker.store),
    history: verified ? verifiedHistory(history, storeOf) : history,
    memory: logAge(config.log.maxAge),
    holder: `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`,
    now: Date.now,
  };
}

async function historyFrom(session: FleetSession, broker: Broker, from: History['from'] | undefined): Promise<History> {
  const { fleet, names, stores, config } = session;
  const { amqpUrl } = await brokerAddress(session);
  const log = () => logHistory(broker, names.log, { verify: verifyPublisher(config, amqpUrl) });
  if (from === 'log') return log();
  const journal = findJournal(fleet.workers);
  const store = journal && (await stores.find(journal.store));
  if (journal === undefined || store === undefined) {
    if (from === undefined) return log();
    if (journal === undefined) throw new FlotillaError('replay.refused', 'this fleet has no journal');
    throw new FlotillaError('store.missing', describeUnread(session, [journal.store]));
  }
  await migrateJournal(store);
  await migrateLogCheckpoints(store);
  const hasStarted = (await logCheckpoint(store.query, journal.name)) !== undefined;
  if (!hasStarted && from === undefined) return log();
  return journalHistory({ store, worker: journal.name, broker, stream: names.log });
}
