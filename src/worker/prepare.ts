import { systemClock } from '../concurrency/clock.js';
import { FlotillaError } from '../errors.js';
import { derivedId } from '../events/ids.js';
import { sagaMigrations } from '../sagas/saga-table.js';
import type { Store } from '../store/store.js';
import { createMetrics } from '../telemetry/metrics.js';
import type { WorkerDefinition } from './definition/worker-definition.js';
import { runBootstrap } from './handler/bootstrap.js';
import type { PreparedOptions, StartWorkerOptions } from './options.js';

/** A worker that is ready to consume. */
export interface PreparedWorker {
  readonly definition: WorkerDefinition;
  readonly options: PreparedOptions;
  /** The result of `setup`. */
  readonly use: unknown;
  /** Aborts when the process must end now. */
  readonly ending: AbortController;
}

/** Migrates the worker's store, then runs `setup` and `bootstrap`. */
export async function prepareWorker(definition: WorkerDefinition, given: StartWorkerOptions): Promise<PreparedWorker> {
  const options = withDefaults(definition, given);
  const ending = new AbortController();
  await migrateWorker(definition, options.store);
  const use: unknown = await ('use' in options
    ? options.use
    : definition.setup({
        settings: readSettings(definition, options.settings ?? {}),
        signal: ending.signal,
        log: options.logger,
      }));
  await runBootstrap(definition, options);
  return { definition, options, use, ending };
}

/** Creates the missing tables of a worker. */
export async function migrateWorker({ name, migrations, sagas }: WorkerDefinition, store: Store): Promise<void> {
  await store.migrate(`worker:${name}`, migrations);
  if (sagas.length > 0) await store.migrate('sagas', sagaMigrations);
}

function withDefaults(definition: WorkerDefinition, options: StartWorkerOptions): PreparedOptions {
  return {
    ...options,
    prefix: options.prefix ?? '',
    metrics: options.metrics ?? createMetrics(),
    clock: options.clock ?? systemClock,
    deriveId: options.deriveId ?? derivedId,
    logger: options.logger.child({ worker: definition.name, instance: options.instance }),
  };
}

function readSettings({ name, settings }: WorkerDefinition, given: Record<string, unknown>): Record<string, unknown> {
  const result = settings.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FlotillaError(
    'config.invalid',
    `worker ${name}, setting ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}
