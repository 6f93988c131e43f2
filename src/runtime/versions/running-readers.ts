import type { ProcessContracts } from '../../observability/processes/process-contracts.js';
import { readRegistrations, type ProcessRecord } from '../../observability/processes/process-registry.js';
import type { FleetSession } from '../operator/fleet-session.js';
import { runDirOf, type Place } from '../place.js';

/** A running process, and what it does with one message type. */
export interface RunningReader extends Pick<ProcessRecord, 'role' | 'workers' | 'pid' | 'startedAt'> {
  /** Null for a process of an earlier release, which does not report what it reads. */
  program: ProcessContracts['program'] | null;
  /** The versions of its catalogue, of which it writes the latest; null if it does not have the type, or does not report
   *  it. */
  knows: { first: number; latest: number } | null;
  /** Its workers, projections and sagas that receive the type, with the versions. */
  reads: { name: string; kind: ProcessContracts['readers'][number]['kind']; versions: number[] }[];
}

/** The running processes of this machine, and what each of them does with a message type. */
export async function runningReaders(place: Place, type: string): Promise<RunningReader[]> {
  const processes = await readRegistrations(runDirOf(place));
  return processes.map(({ role, workers, pid, startedAt, contracts }) => {
    const [first, latest] = contracts?.types[type] ?? [];
    return {
      role,
      workers,
      pid,
      startedAt,
      program: contracts?.program ?? null,
      knows: first === undefined || latest === undefined ? null : { first, latest },
      reads: (contracts?.readers ?? []).flatMap(({ name, kind, reads }) => {
        const versions = reads[type];
        return versions === undefined ? [] : [{ name, kind, versions }];
      }),
    };
  });
}

/** The number of consumers of each worker beyond the processes of this machine; none without any. Rejects as
 *  `session.broker`. */
export async function consumersElsewhere(
  session: FleetSession,
  processes: readonly Pick<RunningReader, 'workers'>[],
  patience?: number,
): Promise<Record<string, number>> {
  const broker = await session.broker('read', patience);
  const elsewhere: Record<string, number> = {};
  for (const { name } of session.queues().declared) {
    const { consumers = 0 } = (await broker.queueDepth(session.names.queue(name))) ?? {};
    const here = processes.filter(({ workers }) => workers.includes(name)).length;
    if (consumers > here) elsewhere[name] = consumers - here;
  }
  return elsewhere;
}
