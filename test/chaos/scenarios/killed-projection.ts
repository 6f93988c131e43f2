import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Failpoint } from '../../../src/failpoints.js';
import { isSame } from '../../../src/projections/rebuild/difference.js';
import { rebuildProjection } from '../../../src/projections/rebuild/rebuild.js';
import { readState } from '../../../src/projections/tables/state.js';
import type { Store } from '../../../src/store/store.js';
import {
  append,
  expectedModel,
  jobsProjection,
  modelOf,
  someEvents,
  type JobEvent,
} from '../../projections/support/jobs.js';
import { createTempStore } from '../../store/support/temp-store.js';
import { randomFrom } from '../support/random.js';
import { eventually } from '../../support/eventually.js';
import { projectionDefinitionOf } from '../../../src/projections/definition.js';

type Mode = 'run' | 'rebuild';

/** Each step of a projection and of its rebuild. */
const STEPS: readonly { mode: Mode; point: Failpoint }[] = [
  { mode: 'run', point: 'projection.applied' },
  { mode: 'run', point: 'projection.committed' },
  { mode: 'rebuild', point: 'projection.applied' },
  { mode: 'rebuild', point: 'projection.committed' },
  { mode: 'rebuild', point: 'projection.rebuilt' },
  { mode: 'rebuild', point: 'projection.swapped' },
];

const program = fileURLToPath(new URL('../../projections/fixtures/projection-process.ts', import.meta.url));

/** Kills a process that runs a projection, and one that rebuilds it, at each of their steps while events are
 *  appended. After each kill, the model must match the events up to its checkpoint, and at the end a fresh rebuild. */
export async function killProjections(options: {
  seed: number;
  rounds: number;
  say?: (line: string) => void;
}): Promise<void> {
  const random = randomFrom(options.seed);
  const temp = await createTempStore();
  const children = new Set<ChildProcess>();
  const start = (mode: Mode, failpoint = '') => {
    const child = fork(program, [temp.path, mode, failpoint]);
    children.add(child);
    return child;
  };
  try {
    const store = await temp.open();
    const all: JobEvent[] = [];
    const more = async (count: number) => {
      const events = someEvents(count, random.next);
      all.push(...events);
      await append(store, ...events);
    };
    await more(600);
    for (let round = 0; round < options.rounds; round += 1) {
      for (const { mode, point } of STEPS) {
        const nth = point === 'projection.applied' || point === 'projection.committed' ? random.between(1, 4) : 1;
        const child = start(mode, `${point}:${nth}`);
        const ended = once(child, 'exit');
        let over = false;
        const feeding = (async () => {
          while (!over) await more(random.between(1, 30));
        })();
        const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
        over = true;
        await feeding;
        if (signal !== 'SIGKILL') throw new Error(`${mode} did not come past ${point}:${nth}, it ended with ${code}`);
        options.say?.(`killed at ${point}:${nth}: ${mode}`);
        await isWhole(store, all, `${mode} was killed at ${point}:${nth}`);
      }
    }
    const keeper = start('run');
    const head = await store.head();
    await eventually('the model is up to date', async () => (await positionOf(store)) >= head, { every: 10 });
    await isWhole(store, all, 'all was taken');
    keeper.kill('SIGKILL');
    await once(keeper, 'exit');
    const { signal } = new AbortController();
    const fresh = { instance: 'fresh', signal, restart: true, dryRun: true };
    const { difference } = await rebuildProjection(store, projectionDefinitionOf(jobsProjection()), fresh);
    if (!isSame(difference)) throw new Error(`a fresh rebuild differs: ${JSON.stringify(difference)}`);
    const leftover = await store.query`select projection from flotilla_projection_generations where role <> 'live'`;
    if (leftover.length > 0) throw new Error('a rebuild has left tables behind');
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await temp.dispose();
  }
}

async function positionOf(store: Store): Promise<number> {
  const state = await readState(store.query, 'jobs');
  return state === undefined ? 0 : store.checkpoint(`projection:jobs:${state.generation}`);
}

/** No process updates the model now: it must match the events up to its checkpoint. */
async function isWhole(store: Store, all: readonly JobEvent[], when: string): Promise<void> {
  const position = await positionOf(store);
  const expected = expectedModel(all.slice(0, position));
  const found = await modelOf(store);
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`when ${when}, at ${position}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
}
