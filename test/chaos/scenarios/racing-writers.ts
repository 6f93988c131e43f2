import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { newId } from '../../../src/events/ids.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { appendAll, type Command, type Outcome } from '../../store/support/append-commands.js';
import { StreamModel } from '../../store/support/stream-model.js';

const PROCESSES = 3;
const fixture = fileURLToPath(new URL('../../store/fixtures/append-on-command.ts', import.meta.url));

/** An append relative to the state of the model. */
const intent = fc.record({
  process: fc.nat(PROCESSES - 1),
  stream: fc.nat(2),
  expected: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom<(number | 'none' | 'any')[]>(-1, 1, 2, 'none', 'any') },
  ),
  events: fc.integer({ min: 1, max: 3 }),
  /** Whether it repeats an earlier successful append. */
  again: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
type Intent = typeof intent extends fc.Arbitrary<infer T> ? T : never;

const rounds = fc.array(fc.array(intent, { minLength: 2, maxLength: 12 }), { minLength: 3, maxLength: 8 });

/** Several processes append to the same streams of one file with expected versions, and a model checks the results:
 *  of appends that expect the same version one succeeds and the others conflict, and other appends in the same
 *  commits are unaffected. Rejects with the shortest history that violates this. */
export async function raceWriters({ seed, runs }: { seed: number; runs: number }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-racing-'));
  const path = join(folder, 'core.db');
  const store = await openSqliteStore({ service: 'core', path });
  const children = Array.from({ length: PROCESSES - 1 }, () => fork(fixture, [path]));
  const appendIn = async (process: number, commands: Command[]): Promise<Outcome[]> => {
    const child = children[process];
    return child === undefined ? appendAll(store, commands) : runIn(child, commands);
  };
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        const model = new StreamModel();
        const prefix = newId();
        for (const intents of all) await runRound(model, prefix, intents, appendIn);
        await model.check(store);
      }),
      { seed, numRuns: runs, endOnFailure: true },
    );
  } finally {
    await Promise.all(children.map(end));
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs all appends concurrently, each in its process, and checks the results against the model. */
async function runRound(
  model: StreamModel,
  prefix: string,
  intents: readonly Intent[],
  appendIn: (process: number, commands: Command[]) => Promise<Outcome[]>,
): Promise<void> {
  const commandsOf = Array.from({ length: PROCESSES }, (): Command[] => []);
  for (const { process, stream: number, expected, events, again } of intents) {
    const stream = `${prefix}/${number}`;
    const done = again ? model.done.at(-1 - number) : undefined;
    const version = typeof expected === 'number' ? Math.max(0, model.version(stream) + expected) : expected;
    commandsOf[process]?.push(
      done ?? { stream, expected: version, ids: Array.from({ length: events }, () => newId()) },
    );
  }
  const outcomes = await Promise.all(commandsOf.map((commands, process) => appendIn(process, commands)));
  model.take(
    commandsOf.flatMap((commands, process) =>
      commands.map((command, n) => ({ command, outcome: outcomes[process]?.[n] ?? { conflict: Number.NaN } })),
    ),
  );
}

async function runIn(child: ChildProcess, commands: Command[]): Promise<Outcome[]> {
  const answer = once(child, 'message');
  child.send(commands);
  return ((await answer) as [Outcome[]])[0];
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
}
