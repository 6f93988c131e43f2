import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { maskedUrl } from '../../config/secrets.js';
import { formatDuration } from '../duration.js';
import { countDead } from '../dead-letters/queries.js';
import {
  fleetStatus,
  type FleetStatus,
  type LogReaderStatus,
  type WorkerStatus,
} from '../observability/fleet-status.js';
import { probeProcess } from '../observability/probe-process.js';
import { readProcesses } from '../observability/process-registry.js';
import { brokerAddress } from './broker-address.js';
import type { Context } from './context.js';
import { hasStore, requireAllRead } from './existing-stores.js';
import { table } from './output.js';
import { openSagas, type OpenSagas } from './sagas/open-counts.js';
import { surroundingsOf, withBroker, withOps } from './resources.js';

export function register(program: Command, context: Context): void {
  program
    .command('status')
    .description('queues, retries, dead letters, consumers and circuit breakers of every worker')
    .option('--json', 'for programs')
    .action((flags: { json?: boolean }) => runStatus(flags, context));
}

async function runStatus({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const { config, cwd } = context;
  const surroundings = await surroundingsOf(context);
  const records = await readProcesses(join(resolve(cwd, config.dataDir), 'run'));
  const processes = await Promise.all(records.map((record) => probeProcess(record, config.apiToken)));
  const kept = await keptLetters(context);
  const status = await withBroker(context, 'read', (broker) =>
    fleetStatus({ ...surroundings, broker, kept: kept ?? new Map(), processes }),
  );
  const { sagas, unread: sagasUnread } = await openSagas(context);
  const unread = [...(kept === undefined ? ['ops'] : []), ...sagasUnread];
  const { workers: items, ...rest } = status;
  if (json) {
    context.print(JSON.stringify({ items, total: items.length, ...rest, sagas, unread }, null, 2));
  } else {
    const { amqpUrl } = await brokerAddress(context);
    for (const line of statusLines(status, maskedUrl(amqpUrl), sagas)) context.print(line);
  }
  requireAllRead(context, unread);
}

/** Stored dead letters by worker; undefined where their store is not on this machine. */
async function keptLetters(context: Context): Promise<ReadonlyMap<string, number> | undefined> {
  return hasStore(context, 'ops') ? withOps(context, countDead) : undefined;
}

/** The status for people. */
export function statusLines(
  { workers, logReaders, unrouted, processes }: FleetStatus,
  broker: string,
  sagas: readonly OpenSagas[] = [],
  width = 120,
): string[] {
  const lines = [
    `Broker ${broker}`,
    '',
    ...table(
      workers,
      {
        worker: ({ worker }) => worker,
        ready: ({ exists, ready }) => (exists ? String(ready) : '-'),
        'in hand': ({ hasQueue, inHand }) => (hasQueue ? String(inHand) : '-'),
        retrying: (worker) => (worker.hasQueue ? retryingCell(worker) : '-'),
        dead: ({ hasQueue, dead }) => (hasQueue ? String(dead) : '-'),
        consumers: ({ hasQueue, consumers }) => (hasQueue ? String(consumers) : '-'),
        breaker: ({ hasQueue, breaker }) => (hasQueue ? breaker : '-'),
      },
      { width },
    ),
  ];
  const notes = [
    ...(workers.some(({ hasQueue, exists }) => hasQueue && !exists)
      ? ['Queues are missing: flotilla topology apply']
      : []),
    ...(workers.some(({ dead }) => dead > 0) ? ['Dead letters: flotilla dead list'] : []),
    ...(unrouted > 0
      ? [`Messages that no worker takes (${unrouted}), as events may, commands not: flotilla unrouted list`]
      : []),
    ...sagas.filter(({ failed }) => failed > 0).map(failedLine),
    ...logReaders.map(logLine),
    ...processes
      .filter(({ health }) => health !== 'ready')
      .map(({ role, workers, pid, url, health }) => `${workers.join(', ') || role} (pid ${pid}, ${url}) is ${health}`),
  ];
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

function failedLine({ saga, failed }: OpenSagas): string {
  return `${failed} of ${saga} failed, a person is needed: flotilla sagas list --status failed`;
}

/** `journal is done with the log up to offset 12, 3 behind` */
function logLine({ worker, offset, behind, alarms }: LogReaderStatus): string {
  if (offset === null) return `${worker} reads the log: no process on this machine says how far it is`;
  const alarm =
    alarms === 0 ? '' : `; ALARM: it found entries or events lost ${alarms} times, see its /readyz`;
  return `${worker} is done with the log up to offset ${offset}, ${behind ?? 0} behind${alarm}`;
}

/** `3 (1m: 2, 10m: 1)` */
function retryingCell({ retrying }: WorkerStatus): string {
  const waiting = retrying.filter(({ ready }) => ready > 0);
  const total = waiting.reduce((sum, { ready }) => sum + ready, 0);
  if (total === 0) return '0';
  return `${total} (${waiting.map(({ delay, ready }) => `${formatDuration(delay)}: ${ready}`).join(', ')})`;
}
