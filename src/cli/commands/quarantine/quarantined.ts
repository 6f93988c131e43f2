import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { hasQueue } from '../../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import {
  summarizeQuarantine,
  summarizeSubject,
  type QuarantinedKind,
} from '../../../worker/quarantine/quarantine-summary.js';
import { quarantineMigrations } from '../../../worker/quarantine/quarantine-table.js';

/** Quarantined messages of one worker, type, version, producer and reason. */
export interface Quarantined extends Omit<QuarantinedKind, 'oldest'> {
  worker: string;
  /** RFC 3339: when the first of them was quarantined. */
  oldest: string;
}

/** What is quarantined of these workers, or of one subject, as recorded in their stores, as far as these are on this
 *  machine. */
export async function quarantined(
  { stores }: Pick<FleetSession, 'stores'>,
  workers: readonly WorkerDefinition[],
  subject?: string,
): Promise<Quarantined[]> {
  const items: Quarantined[] = [];
  for (const { name: worker, store: service } of workers) {
    const kinds = await stores.query(service, { quarantine: quarantineMigrations }, (query) =>
      subject === undefined ? summarizeQuarantine(query, worker) : summarizeSubject(query, worker, subject),
    );
    items.push(...(kinds ?? []).map((kind) => ({ worker, ...kind, oldest: new Date(kind.oldest).toISOString() })));
  }
  return items;
}

/** The enabled workers that have a queue. */
export function workersWithQueue({ fleet, config }: Pick<FleetSession, 'fleet' | 'config'>): WorkerDefinition[] {
  return enabledWorkers(fleet, config).filter(hasQueue);
}
