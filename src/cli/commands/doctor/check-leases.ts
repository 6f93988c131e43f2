import { existsSync } from 'node:fs';
import { sleep } from '../../../concurrency/sleep.js';
import { formatAge } from '../../../duration.js';
import { messageOf } from '../../../errors.js';
import { readProcesses } from '../../../observability/processes/process-registry.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { hasEnded, isInstance } from '../../../runtime/instance.js';
import { runDirOf, storePathOf } from '../../../runtime/place.js';
import { neededLeases, type NeededLease } from '../../../runtime/stores/needed-leases.js';
import { describeVacancy, VACANT_AFTER_TTLS } from '../../../store/leases/lease-ledger.js';
import { readLeases, type RecordedLease } from '../../../store/sqlite/read/read-leases.js';
import { isValidLease } from '../../../store/sqlite/tables/checkpoints.js';
import type { Context } from '../../shared/context.js';
import type { Finding } from './finding.js';

/** Of leases in the files of earlier releases, which do not contain it. */
const DEFAULT_TTL_MS = 5_000;
/** No process of the fleet acquires a lease for so long. */
const LONGEST_TTL_MS = 60_000;
/** A process that competes for a released lease acquires it within a second. */
const RECHECK_DELAY_MS = 1_500;
const RUNBOOK = 'see "Lease without a holder" in docs/operations/runbook.md';

/** Reads the leases from the stores on this machine: which of those that the fleet needs have no holder, or one that has
 *  ended. Competes for none. */
export async function checkLeases(context: Context): Promise<Finding[]> {
  const first = await examine(context);
  if (!first.mayBeTaken) return first.findings;
  await sleep(RECHECK_DELAY_MS, context.signal);
  return (await examine(context)).findings;
}

/** `mayBeTaken`: a lease is free, and a process competes for it. */
async function examine(context: Context): Promise<{ findings: Finding[]; mayBeTaken: boolean }> {
  const processes = await readProcesses(runDirOf(context));
  const { kafka, ...others } = await context.fleet();
  const fleet = { ...others, ...(kafka !== undefined && context.config.kafka.brokers.length > 0 && { kafka }) };
  const needed = neededLeases(fleet, enabledWorkers(fleet, context.config), processes);
  const problems: Finding[] = [];
  let held = 0;
  let mayBeTaken = false;
  for (const service of new Set(needed.map((lease) => lease.service))) {
    const path = storePathOf(context, service);
    if (!existsSync(path)) continue;
    let recorded: RecordedLease[];
    try {
      recorded = readLeases(path);
    } catch (error) {
      problems.push(warning(`the leases of ${service} cannot be read from ${path}: ${messageOf(error)}`));
      continue;
    }
    const now = Date.now();
    for (const lease of needed.filter((each) => each.service === service)) {
      const row = recorded.find(({ name }) => name === lease.name);
      const foreign = foreignHolder(lease.name, row, now);
      const problem = problemOf(lease, row, now);
      if (foreign !== undefined) problems.push(warning(`${service}: ${foreign}; ${RUNBOOK}`));
      else if (problem !== undefined) problems.push(warning(`${service}: ${problem}; ${remedyOf(lease)}`));
      else if (row !== undefined && row.holder !== '') held += 1;
      mayBeTaken ||= lease.hasCandidate && (row === undefined || row.holder === '');
    }
  }
  const detail = held === 0 ? 'none held: no process of the fleet runs here' : `${held} held`;
  return { findings: problems.length === 0 ? [{ ok: true, detail }] : problems, mayBeTaken };
}

/** Describes a lease that no process of the fleet can have written, as it keeps all of them waiting; undefined if it is
 *  not such a lease. */
function foreignHolder(name: string, row: RecordedLease | undefined, now: number): string | undefined {
  if (row === undefined || row.holder === '') return undefined;
  const { holder, expires, ttl } = row;
  if (isInstance(holder) && (ttl ?? DEFAULT_TTL_MS) <= LONGEST_TTL_MS) return undefined;
  if (!isValidLease(row, now, DEFAULT_TTL_MS)) return undefined;
  const left = formatAge(expires - now);
  return (
    `the lease ${name} was written by another program: holder ${holder}, for another ${left}; ` +
    'no process of the fleet can take it until then'
  );
}

/** Describes a lease without a live holder; undefined if it has one, if it is not needed now, or if it is changing
 *  hands. */
function problemOf(
  { name, hasCandidate }: NeededLease,
  row: RecordedLease | undefined,
  now: number,
): string | undefined {
  if (row === undefined || row.holder === '') {
    return hasCandidate ? `no process holds the lease ${name}, although its process runs here` : undefined;
  }
  const { holder, expires } = row;
  const ttl = row.ttl ?? DEFAULT_TTL_MS;
  const ended = hasEnded(holder);
  if (isValidLease(row, now, ttl)) {
    if (ended !== true) return undefined;
    return `the holder of the lease ${name}, ${holder}, has ended; its lease lasts another ${formatAge(expires - now)}`;
  }
  const since = Math.max(0, now - (expires - ttl));
  if (since <= VACANT_AFTER_TTLS * ttl && ended !== true) return undefined;
  const state = { true: 'has ended', false: 'does not renew it', undefined: 'is not known on this machine' }[
    `${ended}`
  ];
  return `${describeVacancy({ name, for: since })}; its last holder, ${holder}, ${state}`;
}

function remedyOf({ service, hasCandidate }: NeededLease): string {
  return hasCandidate ? RUNBOOK : `no process of ${service} runs here: start it; ${RUNBOOK}`;
}

function warning(detail: string): Finding {
  return { ok: true, warning: true, detail };
}
