import type { DeriveId } from '../../broker/signing/fleet-keys.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Store } from '../../store/contract.js';
import type { Logger } from '../../telemetry/logger.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import { Emissions, runEffects, type Effect } from './effects.js';

/** Runs the worker's `bootstrap` unless its store remembers that it ran. Several replicas may try; one does it. */
export async function runBootstrap(
  definition: WorkerDefinition,
  { store, logger, now, deriveId }: { store: Store; logger: Logger; now: () => number; deriveId: DeriveId },
): Promise<void> {
  if (definition.bootstrap === undefined) return;
  const key = { consumer: `${definition.name}:bootstrap`, source: store.service, id: 'bootstrap' };
  if (await store.handled(key)) return;
  const cause = origin(store.service, now());
  const emissions = new Emissions({ definition, store, now, deriveId }, cause, 'bootstrap');
  const effects: Effect[] = [];
  definition.bootstrap({
    log: logger,
    write: (work) => effects.push({ kind: 'write', work }),
    emit: (type, data, options) => effects.push({ kind: 'emit', event: emissions.create(type, data, options) }),
  });
  await store.transaction(async (tx) => {
    if (await tx.claim(key)) await runEffects(tx, effects, emissions);
  });
}

/** What a bootstrap follows from: the store's beginning, the same whoever runs it. */
function origin(service: string, now: number): EventEnvelope {
  return {
    specversion: '1.0',
    id: `bootstrap/${service}`,
    source: service,
    type: 'service.bootstrapped',
    subject: `service/${service}`,
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    dataschema: 'urn:flotilla:service.bootstrapped:1',
    correlationid: `bootstrap/${service}`,
    data: {},
  };
}
