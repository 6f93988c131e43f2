import { FlotillaError } from '../errors.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { dropOld } from './generations.js';
import { prepareProjections } from './prepare.js';
import type { ProjectionDefinition } from './projection.js';
import { ProjectionRunner } from './runner.js';
import { stateOfProjection, type ProjectionState } from './status.js';

export interface RunProjectionsOptions {
  store: Store;
  /** This process, as the holder of the lease; no two processes have the same. */
  instance: string;
  logger: Logger;
  metrics?: Metrics | undefined;
  /** Milliseconds after which another process takes over from one that has vanished. @default 5000 */
  leaseTtl?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: (() => number) | undefined;
}

/** The part of a running worker that keeps read models. */
export interface ProjectionsPart {
  /** Of each projection, as of the last look, a second ago at most. */
  state: () => readonly ProjectionState[];
  /** Resolves when every model has all that the store held when asked, whichever process brought it there. Rejects with
   *  `projection.poison` or `projection.outdated` when one stands still. */
  caughtUp: () => Promise<void>;
  /** Resolves when nothing of this is at work any more; what was not committed is taken up by whoever runs next. */
  stop: () => Promise<void>;
}

const LOOK = 5;

/** Keeps read models up to date with the events of their store. Safe to run in several processes: a lease decides which
 *  of them does the work, the checkpoint that none undoes another's. One that cannot take an event stands still alone,
 *  until an operator skips the event or a process is started that can take it. Resolves when all are prepared. */
export async function runProjections(
  projections: readonly ProjectionDefinition[],
  options: RunProjectionsOptions,
): Promise<ProjectionsPart> {
  const { store, now = Date.now } = options;
  await prepareProjections(store, projections, now);
  // what a rebuild left behind that ended right after its swap
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
          refuseStill(state);
          if (ending.signal.aborted) throw new FlotillaError('store.closed');
          await sleep(LOOK, ending.signal);
        }
      }
    },
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}

function refuseStill({ name, status, stop }: ProjectionState): void {
  if (status === 'outdated') throw new FlotillaError('projection.outdated', name);
  if (stop === undefined) return;
  const { type, position, code, message } = stop;
  throw new FlotillaError('projection.poison', `${name}, ${type} at ${position}: ${code}: ${message}`);
}
