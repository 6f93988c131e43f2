import { existsSync } from 'node:fs';
import type { Broker } from '../../broker/broker.js';
import { HistoryTally, type HistoryCounts } from '../../contracts/history-tally.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { findJournal } from '../../journal/define-journal.js';
import { readLogOffset } from '../../event-log/positions/read-log-offset.js';
import type { FleetSession } from '../operator/fleet-session.js';
import { storePathOf } from '../place.js';
import { checkQueues, checkStream, countQueued } from './check-broker.js';
import { checkJournal } from './check-journal.js';
import { checkDeadLetters, checkStore } from './check-stores.js';
import { readPlace, type HistoryCheck, type UnreadPlace } from './history-check.js';
import { storeFiles } from './store-files.js';

export interface CheckHistoryOptions {
  /** Only the stores of these services, and nothing in the broker. @default everything */
  services?: readonly string[] | undefined;
  /** Milliseconds to wait for each queue of a worker to be empty. @default 0 */
  queueTimeout?: number;
  /** Whether to read the retries, dead letters and the stream in the broker. @default true */
  broker?: boolean;
  signal: AbortSignal;
  /** Called now and then with the number of messages so far, and with the place that is read. */
  onProgress?: ((checked: number, place: string) => void) | undefined;
}

/** A command that needs only the stores must not wait long for an unreachable broker. */
const BROKER_TIMEOUT_MS = 3_000;

/** The result of a check of history. */
export interface HistoryReport extends HistoryCounts {
  /** Places that exist and could not be read completely. */
  unread: UnreadPlace[];
  /** The services whose stores are not on this machine. */
  absent: string[];
  /** The messages in the queues of workers, by worker. They are not read, because a delivery counts. */
  queued: Record<string, number>;
}

/** Reads every message of history on this machine with the catalogue of the fleet: stores with their archives and timers,
 *  dead letters, and what only the broker or the journal has. Changes nothing, and no process waits for it. Never rejects
 *  because a place cannot be read; rejects if the signal aborts. */
export async function checkHistory(session: FleetSession, options: CheckHistoryOptions): Promise<HistoryReport> {
  const { services, broker = services === undefined, queueTimeout = 0, signal, onProgress } = options;
  const { fleet, definitions } = session;
  const check: HistoryCheck = { definitions, tally: new HistoryTally(onProgress), unread: [], signal };
  const { files, absent } = storeFiles(session, fleet);
  const isWanted = (service: string) => services?.includes(service) ?? true;
  const wanted = files.filter(({ service }) => isWanted(service));
  const connected = broker ? await connect(session, check) : undefined;
  // the queues first: a dead letter moves from there to a store
  if (connected !== undefined) await checkQueues(connected, session, check);
  for (const file of wanted) {
    await checkStore(file, check);
    if (file.service === OPS_STORE) await checkDeadLetters(file.path, check);
  }
  const read = wanted.map(({ service }) => service);
  const journal = services === undefined ? journalFile(session) : undefined;
  // before its events: entries after it are read from the stream
  const offset = journal && readLogOffset(journal.path, journal.name);
  if (journal !== undefined) await checkJournal(journal.path, read, check);
  if (connected !== undefined) await checkStream(connected, session, { offset, services: new Set(read) }, check);
  const queued =
    connected === undefined ? {} : await countQueued(connected, session, { ...check, timeout: queueTimeout });
  return { ...check.tally.result(), unread: check.unread, absent: absent.filter(isWanted), queued };
}

async function connect(session: FleetSession, check: HistoryCheck): Promise<Broker | undefined> {
  let broker: Broker | undefined;
  await readPlace('broker', check, async () => void (broker = await session.broker('read', BROKER_TIMEOUT_MS)));
  return broker;
}

/** The journal, if its store is on this machine. */
function journalFile(session: FleetSession): { name: string; path: string } | undefined {
  const journal = findJournal(session.fleet.workers);
  if (journal === undefined) return undefined;
  const path = storePathOf(session, journal.store);
  return existsSync(path) ? { name: journal.name, path } : undefined;
}
