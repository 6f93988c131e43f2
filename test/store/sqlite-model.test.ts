import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { newId } from '../../src/events/ids.js';
import type { Store } from '../../src/store/contract.js';
import { seedOf } from '../chaos/support/random.js';
import { appendAll, type Command, type Outcome } from './append-commands.js';
import { StreamModel } from './stream-model.js';
import { createTempStore, type TempStore } from './temp-store.js';

const PROCESSES = 3;
const RUNS = 120;
const fixture = fileURLToPath(new URL('fixtures/append-as-told.ts', import.meta.url));

/** An append, in terms of what the model says when it is made. */
const intent = fc.record({
  process: fc.nat(PROCESSES - 1),
  stream: fc.nat(2),
  expected: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom<(number | 'none' | 'any')[]>(-1, 1, 2, 'none', 'any') },
  ),
  events: fc.integer({ min: 1, max: 3 }),
  /** Whether it is one that went through before, done again. */
  again: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
type Intent = typeof intent extends fc.Arbitrary<infer T> ? T : never;

describe('a SQLite store and a model of its streams', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let store: Store;
  let children: ChildProcess[];
  before(async () => {
    temp = await createTempStore();
    store = await temp.open();
    children = Array.from({ length: PROCESSES - 1 }, () => fork(fixture, [temp.path]));
    await Promise.all(children.map((child) => once(child, 'message')));
  });
  after(async () => {
    const ended = children.map((child) => once(child, 'exit'));
    for (const child of children) child.disconnect();
    await Promise.all(ended);
    await temp.dispose();
  });

  async function appendIn(process: number, commands: Command[]): Promise<Outcome[]> {
    const child = children[process];
    if (child === undefined) return appendAll(store, commands);
    const answer = once(child, 'message');
    child.send(commands);
    return ((await answer) as [Outcome[]])[0];
  }

  /** Runs all of them at once, each in its process, and has the model judge what came out. */
  async function round(model: StreamModel, prefix: string, intents: readonly Intent[]): Promise<void> {
    const told = Array.from({ length: PROCESSES }, (): Command[] => []);
    for (const { process, stream: number, expected, events, again } of intents) {
      const stream = `${prefix}/${number}`;
      const done = again ? model.done.at(-1 - number) : undefined;
      const version = typeof expected === 'number' ? Math.max(0, model.version(stream) + expected) : expected;
      told[process]?.push(done ?? { stream, expected: version, ids: Array.from({ length: events }, () => newId()) });
    }
    const outcomes = await Promise.all(told.map((commands, process) => appendIn(process, commands)));
    model.take(
      told.flatMap((commands, process) =>
        commands.map((command, n) => ({ command, outcome: outcomes[process]?.[n] ?? { conflict: Number.NaN } })),
      ),
    );
  }

  const seed = seedOf(process.env.CHAOS_SEED);

  it(`has what was acknowledged, and conflicts exactly where they are due, over several processes (CHAOS_SEED=${seed})`, async () => {
    const rounds = fc.array(fc.array(intent, { minLength: 2, maxLength: 12 }), { minLength: 3, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        const model = new StreamModel();
        const prefix = newId();
        for (const intents of all) await round(model, prefix, intents);
        await model.check(store);
      }),
      { seed, numRuns: RUNS, endOnFailure: true },
    );
  });
});
