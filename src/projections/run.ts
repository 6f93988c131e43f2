import { FlotillaError } from '../errors.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { dropOld } from './tables/generations.js';
import { prepareProjections } from './tables/prepare.js';
import type { ProjectionDefinition } from './definition.js';
import { ProjectionRunner } from './runner.js';
import { stateOfProjection, type ProjectionState } from './status.js';

export interface RunProjectionsOptions {
  store: Store;
  /** The holder of the lease: a name of this process that no other process has. */
  instance: string;
  logger: Logger;
  metrics?: Metrics | undefined;
  /** Milliseconds after which another process takes over from a dead one. @default 5000 */
  leaseTtl?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: (() => number) | undefined;
}

/** The part of a running worker that updates read models. */
export interface ProjectionsPart {
  /** The state of each projection, at most one second old. */
  state: () => readonly ProjectionState[];
  /** Resolves when every model contains all events stored at the time of the call, whichever process updated it.
   *  Rejects with `projection.poison` or `projection.outdated` if one is stopped or outdated. */
  caughtUp: () => Promise<void>;
  /** Resolves when all updates have ended; the next process continues at the checkpoints. */
  stop: () => Promise<void>;
}

const POLL_INTERVAL_MS = 5;

/** Keeps read models up to date with the events of their store. Safe to run in several processes: a lease decides which
 *  one updates a model, and checkpoints prevent conflicting writes. A model that cannot handle an event stops, without
 *  affecting the others, until an operator skips the event or a process starts that can handle it. Resolves when all
 *  models are prepared. */
export async function runProjections(
  projections: readonly ProjectionDefinition[],
  options: RunProjectionsOptions,
): Promise<ProjectionsPart> {
  const { store, now = Date.now } = options;
  await prepareProjections(store, projections, now);
  // left by a rebuild that died after its swap
  for (const { name } of projections) await dropOld(store, name);
  const ending = new AbortController();
  const runners = projections.map((projection) => new ProjectionRunner(projection, { ...options, now }));
  const running = runners.map((runner) => runner.run(ending.signal));
  return {
    state: () => runners.map(({ seen }) => seen),
    async caughtUp() {
      const head = await store.head();
      for (const definition of projections) {
        for (;;) {
          const state = await stateOfProjection(store, definition);
          if (state.position >= head) break;
          throwIfStopped(state);
          if (ending.signal.aborted) throw new FlotillaError('store.closed');
          await sleep(POLL_INTERVAL_MS, ending.signal);
        }
      }
    },
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}

function throwIfStopped({ name, status, stop }: ProjectionState): void {
  if (status === 'outdated') throw new FlotillaError('projection.outdated', name);
  if (stop === undefined) return;
  const { type, position, code, message } = stop;
  throw new FlotillaError('projection.poison', `${name}, ${type} at ${position}: ${code}: ${message}`);
}
