import { setTimeout } from 'node:timers/promises';
import { FlotillaError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import { LeaseHolder, type LeaseOptions } from '../../store/leases/lease-holder.js';
import { silentLogger } from '../../telemetry/logger.js';
import { prepareProjections } from '../tables/prepare.js';
import type { ProjectionDefinition } from '../definition.js';
import { RebuildRun, type Rebuilt, type RebuildRunOptions } from './rebuild-run.js';

export interface RebuildOptions
  extends Omit<RebuildRunOptions, 'now' | 'logger'>, Partial<Pick<RebuildRunOptions, 'now' | 'logger'>> {
  /** Milliseconds after which another run may resume a dead rebuild. @default 5000 */
  leaseTtl?: number | undefined;
}

/** Rebuilds a model from the first event, next to the live one, which remains readable and updated. Then freezes the
 *  live model, compares both at one position, and replaces it. If the rebuild is interrupted by an abort or a crash,
 *  the live model remains, and the next run resumes. Throws `projection.poison` at an event that cannot be handled and
 *  is not recorded as skipped, `projection.rebuilding` while another process rebuilds the model. */
export async function rebuildProjection(
  store: Store,
  projection: ProjectionDefinition,
  options: RebuildOptions,
): Promise<Rebuilt> {
  const { name } = projection;
  const { instance, signal, leaseTtl: ttl = 5_000, now = Date.now, logger = silentLogger() } = options;
  await prepareProjections(store, [projection], now);
  const lease = await acquire(store, { name: `projection:${name}:rebuild`, holder: instance, ttl, logger }, signal);
  if (lease === undefined) throw new FlotillaError('projection.rebuilding', name);
  try {
    return await new RebuildRun(store, projection, { ...options, now, logger }, lease).run();
  } finally {
    await lease.release();
  }
}

/** Waits as long as the lease of a dead process may last; returns undefined while a live process holds it. */
async function acquire(store: Store, options: LeaseOptions, signal: AbortSignal): Promise<LeaseHolder | undefined> {
  const until = performance.now() + options.ttl * 1.2;
  for (;;) {
    const lease = await LeaseHolder.acquire(store, options);
    if (lease !== undefined || performance.now() > until) return lease;
    await setTimeout(options.ttl / 10, undefined, { signal });
  }
}
