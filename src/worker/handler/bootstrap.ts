import type { EventEnvelope } from '../../events/envelope.js';
import type { Store } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import { Emissions, runEffects, type Effect, type Emitter } from './effects.js';

/** Runs the worker's `bootstrap` once per store, whichever replica starts first. */
export async function runBootstrap(worker: Emitter & { store: Store; logger: Logger }): Promise<void> {
  const { definition, store, logger, clock } = worker;
  if (definition.bootstrap === undefined) return;
  const key = { consumer: `${definition.name}:bootstrap`, source: store.service, id: 'bootstrap' };
  if (await store.handled(key)) return;
  const emissions = new Emissions(worker, origin(store.service, clock.now()), 'bootstrap');
  const effects: Effect[] = [];
  definition.bootstrap({
    log: logger,
    write: (work) => effects.push({ kind: 'write', work }),
    emit: (type, data, options) => effects.push({ kind: 'emit', event: emissions.create(type, data, options) }),
  });
  await store.transaction(async (tx) => {
    if (await tx.markHandled(key)) await runEffects(tx, effects, emissions);
  });
}

/** The cause of the bootstrap's events: the same for every replica. */
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
