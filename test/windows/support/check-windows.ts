import fc from 'fast-check';
import { checkRewind } from './check-rewind.js';
import { compare } from './compare.js';
import { recompute, type ScriptStep } from './oracle.js';
import { listingDefinition, type PartTaken } from './readings.js';
import { runScript } from './run-script.js';

const T0 = Date.parse('2026-01-01T12:00:00Z');

const source = fc.constantFrom('north', 'south', 'west');
/** How long ago a reading was taken. */
const age = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -1_000, max: 6_000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 60_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-400_000, 300_000) },
);

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      source,
      sensor: fc.constantFrom('a', 'b', 'c'),
      wait: fc.integer({ min: 0, max: 4_000 }),
      age,
      repeats: fc.option(fc.nat(30), { freq: 10, nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('together' as const),
      source,
      wait: fc.integer({ min: 0, max: 4_000 }),
      parts: fc.array(
        fc.record({
          sensor: fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c') }, fc.constant('')),
          age: fc.oneof({ weight: 12, arbitrary: age }, fc.constant(NaN)),
          // few ids, so that events have the same parts
          id: fc.option(fc.nat(12), { nil: undefined }),
        }),
        { maxLength: 6 },
      ),
      repeats: fc.option(fc.nat(30), { freq: 10, nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('tick' as const), wait: fc.integer({ min: 0, max: 5_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('silence' as const), wait: fc.integer({ min: 1, max: 90_000 }) }),
  },
);

const scenario = fc.record({
  kind: fc.constantFrom('tumbling' as const, 'hopping' as const, 'sliding' as const),
  late: fc.constantFrom('correct' as const, 'ignore' as const),
  correctFor: fc.constantFrom('0s', '20s', '24h'),
  grace: fc.constantFrom('0s', '5s'),
  idleAfter: fc.constantFrom('10s', '30s'),
  steps: fc.array(step, { minLength: 1, maxLength: 80 }),
  batches: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
  crashes: fc.array(fc.constantFrom('before' as const, 'after' as const, undefined), { minLength: 1, maxLength: 12 }),
  crashesAlways: fc.boolean(),
  cacheLimit: fc.constantFrom(2, 8, 1_000),
  resultsPerTransaction: fc.constantFrom(1, 2, 500),
  rewindTo: fc.integer({ min: -60_000, max: 120_000 }),
});

/** Compares windows, and those after a rewind, with their plain recomputation for random scripts. Throws with the smallest script that differs. */
export async function checkWindows({ seed, runs }: { seed: number; runs: number }): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ steps, batches, crashes, crashesAlways, rewindTo, ...options }) => {
      const { cacheLimit, resultsPerTransaction, ...definitionOptions } = options;
      const definition = listingDefinition(definitionOptions);
      const script = scriptOf(steps);
      const outcome = await runScript(definition, script, {
        ...{ batches, cacheLimit, resultsPerTransaction },
        atEnd: (store) => checkRewind(store, definition, script, T0 + rewindTo),
        // a commit that ends the process is made in the end, so that there is progress
        crash: (commit) => (crashesAlways ? 'after' : crashes[commit - 1]),
      });
      compare(outcome, recompute(definition, script));
    }),
    { seed, numRuns: runs },
  );
}

type Generated = typeof step extends fc.Arbitrary<infer T> ? T : never;

function scriptOf(steps: readonly Generated[]): ScriptStep[] {
  let now = T0;
  const script: ScriptStep[] = [];
  const identified = new Map<string, PartTaken>();
  for (const [index, each] of steps.entries()) {
    now += each.wait;
    if (each.kind === 'tick' || each.kind === 'silence') {
      script.push({ tick: now });
      continue;
    }
    const { source, repeats } = each;
    const n = index + 1;
    const earlier = repeats === undefined ? undefined : script[index - 1 - repeats];
    if (earlier !== undefined && 'n' in earlier) script.push({ ...earlier, at: now });
    else if (each.kind === 'event') script.push({ n, source, sensor: each.sensor, time: now - each.age, at: now });
    else {
      const parts = each.parts.map(({ id, age, sensor }, place): PartTaken => {
        const number = n * 100 + place;
        if (id === undefined) return { n: number, sensor, time: now - age };
        // a part with the same id has the same content
        const part = identified.get(`${source} ${id}`) ?? { n: number, sensor, time: now - age, id: `part-${id}` };
        identified.set(`${source} ${id}`, part);
        return part;
      });
      script.push({ n, source, parts, at: now });
    }
  }
  return script;
}
