import { existsSync } from 'node:fs';
import type { Broker } from '../../broker/broker.js';
import { HistoryTally, type HistoryCounts } from '../../contracts/history-tally.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { findJournal } from '../../journal/define-journal.js';
import { readLogOffset } from '../../event-log/positions/read-log-offset.js';
import { brokerAddress } from '../broker/broker-address.js';
import { verifyPublisher } from '../broker/verify-publisher.js';
import type { FleetSession } from '../operator/fleet-session.js';
import { storePathOf } from '../place.js';
import { checkQueues, checkStream } from './check-broker.js';
import { checkJournal } from './check-journal.js';
import { checkDeadLetters, checkStore } from './check-stores.js';
import { readPlace, type HistoryCheck, type UnreadPlace } from './history-check.js';
import { storeFiles } from './store-files.js';

export interface CheckHistoryOptions {
  /** Only the stores of these services, and nothing in the broker. @default everything */
  services?: readonly string[] | undefined;
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
  const { services, broker = services === undefined, signal, onProgress } = options;
  const { fleet, definitions } = session;
  const check: HistoryCheck = { definitions, tally: new HistoryTally(onProgress), unread: [], signal };
  const { files, absent } = storeFiles(session, fleet);
  const isWanted = (service: string) => services?.includes(service) ?? true;
  const wanted = files.filter(({ service }) => isWanted(service));
  for (const file of wanted) {
    await checkStore(file, check);
    if (file.service === OPS_STORE) await checkDeadLetters(file.path, check);
  }
  const read = wanted.map(({ service }) => service);
  const journal = services === undefined ? journalFile(session) : undefined;
  if (journal !== undefined) await checkJournal(journal.path, read, check);
  const queued: Record<string, number> = {};
  if (broker) {
    const offset = journal && readLogOffset(journal.path, journal.name);
    await readPlace('broker', check, async () => {
      const connected = await session.broker('read', BROKER_TIMEOUT_MS);
      await checkBroker(session, connected, { read: new Set(read), offset }, check);
      Object.assign(queued, await countQueued(session, connected));
    });
  }
  const { unread } = check;
  return { ...check.tally.result(), unread, absent: absent.filter(isWanted), queued };
}

/** The journal, if its store is on this machine. */
function journalFile(session: FleetSession): { name: string; path: string } | undefined {
  const journal = findJournal(session.fleet.workers);
  if (journal === undefined) return undefined;
  const path = storePathOf(session, journal.store);
  return existsSync(path) ? { name: journal.name, path } : undefined;
}

async function checkBroker(
  session: FleetSession,
  broker: Broker,
  { read, offset }: { read: ReadonlySet<string>; offset: number | undefined },
  check: HistoryCheck,
): Promise<void> {
  const { names, config } = session;
  await checkQueues(broker, { names, workers: session.queues().declared }, check);
  const { amqpUrl } = await brokerAddress(session);
  const from = offset === undefined ? 'first' : offset + 1;
  await checkStream(
    broker,
    { stream: names.log, from, services: read, verify: verifyPublisher(config, amqpUrl) },
    check,
  );
}

async function countQueued(session: FleetSession, broker: Broker): Promise<Record<string, number>> {
  const queued: Record<string, number> = {};
  for (const { name } of session.queues().declared) {
    const { ready = 0 } = (await broker.queueDepth(session.names.queue(name))) ?? {};
    if (ready > 0) queued[name] = ready;
  }
  return queued;
}
