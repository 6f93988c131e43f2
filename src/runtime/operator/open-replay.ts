import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Broker } from '../../broker/broker.js';
import type { Names } from '../../broker/topology/topology.js';
import { FlotillaError } from '../../errors.js';
import { logCheckpoint, migrateLogCheckpoints } from '../../event-log/positions/checkpoint-table.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { findJournal } from '../../journal/define-journal.js';
import { migrateJournal } from '../../journal/migrations.js';
import type { History } from '../../replay/history/history.js';
import { journalHistory } from '../../replay/history/journal-history.js';
import { logHistory } from '../../replay/history/log-history.js';
import { verifiedHistory } from '../../replay/history/verified-history.js';
import type { ReplayContext } from '../../replay/replay-context.js';
import type { Store } from '../../store/store.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { brokerAddress } from '../broker/broker-address.js';
import { verifyPublisher } from '../broker/verify-publisher.js';
import type { Place } from '../place.js';
import { describeUnread } from '../stores/existing-stores.js';
import { logAge } from '../stores/log-age.js';
import type { openServices } from '../stores/services.js';

/** The part of a session that a replay reads history from. */
interface HistorySources extends Place {
  readonly fleet: Fleet;
  readonly names: Names;
  readonly stores: ReturnType<typeof openServices>;
}

export interface OpenReplayOptions {
  worker: WorkerDefinition;
  /** The store `ops`, with the table of replays. */
  store: Store;
  broker: Broker;
  /** @default the journal if its store is on this machine and it has started, otherwise the log */
  from?: History['from'] | undefined;
  /** Without events that the stores of their services lack. @default false */
  verified?: boolean | undefined;
}

/** Opens the history and the worker's store for a replay. Rejects with `replay.refused` for a fleet without a journal, and with
 *  `store.missing` for a journal on another machine. */
export async function openReplay(
  sources: HistorySources,
  { worker, store, broker, from, verified = false }: OpenReplayOptions,
): Promise<ReplayContext> {
  const { names, stores, config } = sources;
  // of the fleet's services only, because a message may claim any source
  const storeOf = async (source: string) =>
    stores.history.services.includes(source) ? stores.history.open(source) : undefined;
  const history = await historyFrom(sources, broker, from);
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

async function historyFrom(
  sources: HistorySources,
  broker: Broker,
  from: History['from'] | undefined,
): Promise<History> {
  const { fleet, names, stores, config } = sources;
  const { amqpUrl } = await brokerAddress(sources);
  const log = () => logHistory(broker, names.log, { verify: verifyPublisher(config, amqpUrl) });
  if (from === 'log') return log();
  const journal = findJournal(fleet.workers);
  const store = journal && (await stores.find(journal.store));
  if (journal === undefined || store === undefined) {
    if (from === undefined) return log();
    if (journal === undefined) throw new FlotillaError('replay.refused', 'this fleet has no journal');
    throw new FlotillaError('store.missing', describeUnread(sources, [journal.store]));
  }
  await migrateJournal(store);
  await migrateLogCheckpoints(store);
  const hasStarted = (await logCheckpoint(store.query, journal.name)) !== undefined;
  if (!hasStarted && from === undefined) return log();
  return journalHistory({ store, worker: journal.name, broker, stream: names.log });
}
