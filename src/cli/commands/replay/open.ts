import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Broker } from '../../../broker/broker.js';
import type { Names } from '../../../broker/topology/topology.js';
import { FlotillaError } from '../../../errors.js';
import { findJournal } from '../../../journal/define-journal.js';
import { migrateJournal } from '../../../journal/migrations.js';
import { logCheckpoint, migrateLogCheckpoints } from '../../../event-log/positions/checkpoint-table.js';
import type { History } from '../../../replay/history/history.js';
import { journalHistory } from '../../../replay/history/journal-history.js';
import { logHistory } from '../../../replay/history/log-history.js';
import type { ReplayContext } from '../../../replay/replay-context.js';
import { verifiedHistory } from '../../../replay/history/verified-history.js';
import { migrateReplays } from '../../../replay/runs/run-table.js';
import type { Store } from '../../../store/store.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { Context } from '../../shared/context.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import { enabledWorkers, findWorker } from '../../../runtime/fleet/enabled-workers.js';
import { describeUnread } from '../../shared/output/unread-stores.js';
import { UsageError } from '../../shared/failure.js';
import { logAge } from '../../../runtime/stores/log-age.js';
import type { Access } from '../../../runtime/operator/operator-broker.js';
import { withSession } from '../../shared/session.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import { verifyPublisher } from '../../../runtime/broker/verify-publisher.js';

/** The worker that history is replayed to. Throws `name.unknown`. */
export async function workerToReplay(context: Context, name: string): Promise<WorkerDefinition> {
  return findWorker(enabledWorkers(await context.fleet(), context.config), name);
}

/** Runs `work` with the store of replays. */
export async function withReplayStore<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  return withSession(context, async (session) => {
    const store = await session.ops();
    await migrateReplays(store);
    return work(store);
  });
}

/** Runs `work` with the stores, the broker and the history that a replay to a worker uses. `from`: by default the journal where its
 *  store is on this machine, otherwise the log. `verified`: without events that the stores of their services lack. */
export async function withReplayContext<T>(
  context: Context,
  worker: WorkerDefinition,
  { from, verified }: { from?: History['from'] | undefined; verified?: boolean | undefined },
  access: Access,
  work: (replay: ReplayContext) => Promise<T>,
): Promise<T> {
  return withSession(context, async (session) => {
    const { names, stores: services } = session;
    /** Of the fleet's services only, as a message may claim any source. */
    const storeOf = async (source: string) =>
      services.history.services.includes(source) ? services.history.open(source) : undefined;
    const store = await session.ops();
    await migrateReplays(store);
    const broker = await session.broker(access);
    if (access === 'write') await refuseForeignStore(session, store);
    const history = await historyFrom(context, from, { broker, names, storeOf: services.find });
    return work({
      store,
      broker,
      names,
      worker,
      workerStore: await services.find(worker.store),
      history: verified === true ? verifiedHistory(history, storeOf) : history,
      memory: logAge(context.config.log.maxAge),
      holder: `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`,
      now: Date.now,
    });
  });
}

interface Sources {
  broker: Broker;
  names: Names;
  storeOf: (service: string) => Promise<Store | undefined>;
}

async function historyFrom(
  context: Context,
  from: History['from'] | undefined,
  { broker, names, storeOf }: Sources,
): Promise<History> {
  const { amqpUrl } = await brokerAddress(context);
  const log = () => logHistory(broker, names.log, { verify: verifyPublisher(context.config, amqpUrl) });
  if (from === 'log') return log();
  const fleet = await context.fleet();
  const journal = findJournal(fleet.workers);
  const store = journal && (await storeOf(journal.store));
  if (journal === undefined || store === undefined) {
    if (from === undefined) return log();
    if (journal === undefined) throw new UsageError('--from journal: this fleet has no journal');
    throw new FlotillaError('store.missing', describeUnread(context, [journal.store]));
  }
  await migrateJournal(store);
  await migrateLogCheckpoints(store);
  const hasStarted = (await logCheckpoint(store.query, journal.name)) !== undefined;
  if (!hasStarted && from === undefined) return log();
  return journalHistory({ store, worker: journal.name, broker, stream: names.log });
}
