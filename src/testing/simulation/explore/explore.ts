import type { Arbitrary } from 'fast-check';
import { messageOf } from '../../../errors.js';
import { failureOfRun } from '../failure.js';
import { loadFastCheck, type FastCheck } from './fast-check.js';
import type { Fault, FaultKind } from '../faults.js';
import type { Counts } from '../run-state.js';
import type { Simulation } from '../simulation.js';
import type { Attempt, RunOutcome } from '../run-outcome.js';

/** The options of `explore`. */
export interface ExploreOptions {
  /** @default 100 */
  runs?: number;
  /** The same seed explores the same runs. @default a different one each time */
  seed?: number;
  /** Maximum number of faults in one run. @default 6 */
  maxFaults?: number;
  /** The kinds of faults. @default all */
  kinds?: readonly FaultKind[];
}

/** The result of an exploration in which all guarantees held. */
export interface Explored {
  runs: number;
  seed: number;
  /** Injected faults in all runs. */
  faults: number;
}

/** A message with more crashes than this may be dead-lettered as the cause of a crash loop. */
const MAX_CRASHES = 2;
/** Number of runs without faults, to count the deliveries, commits and calls. */
const PILOT_RUNS = 5;

/** A shorter run may need other latencies to fail: this many seeds are tried. */
const SEEDS_PER_SHRINK = 6;
const shiftedSeeds = (seed: number) => Array.from({ length: SEEDS_PER_SHRINK }, (_, shift) => seed + shift);

/** Runs the simulation many times with different seeds, faults and inputs. If a guarantee does not hold, it searches
 *  for the shortest failing run and rejects with `simulation.failed`; the message contains the trace and shows how to
 *  repeat that run. Requires fast-check. */
export async function explore<Input>(
  simulation: Simulation<Input>,
  { runs = 100, seed = Date.now() % 2 ** 31, maxFaults = 6, kinds }: ExploreOptions = {},
): Promise<Explored> {
  const fc = await loadFastCheck();
  let faults = 0;
  const { inputs } = simulation;
  const schedule = fc.record({
    seed: fc.noShrink(fc.noBias(fc.nat())),
    faults: fc
      .array(faultOf(fc, await countsOf(simulation, seed), kinds), { maxLength: maxFaults, size: 'max' })
      .map((all) => tolerable(all, simulation.minRetries)),
    input: (inputs?.(fc) ?? fc.constant(undefined)) as Arbitrary<Input>, // undefined without inputs
  });
  let shortest: Attempt<Input> | undefined;
  const property = fc.asyncProperty(schedule, async (attempt) => {
    const seeds = shortest === undefined ? [attempt.seed] : shiftedSeeds(attempt.seed);
    for (const each of seeds) {
      const outcome = await simulation.attempt({ ...attempt, seed: each });
      faults += outcome.faults.length - outcome.unusedFaults.length;
      if (!('error' in outcome)) continue;
      if (fc.PreconditionFailure.isFailure(outcome.error)) throw outcome.error; // by `fc.pre`: replaced by another run
      shortest = { ...attempt, seed: each }; // always shorter than the previous one
      throw outcome.error;
    }
  });
  const { numRuns, numShrinks, errorInstance } = await fc.check(property, { numRuns: runs, seed });
  if (shortest === undefined) return { runs, seed, faults };
  const outcome = await simulation.attempt(shortest);
  const found = `  found in run ${numRuns} of explore(…, { seed: ${seed} }), shortened ${numShrinks} times`;
  const failed = 'error' in outcome ? outcome : unrepeatable(outcome, errorInstance);
  throw failureOfRun(failed, { hasInput: inputs !== undefined, found });
}

function unrepeatable<Input>(outcome: RunOutcome<Input>, error: unknown): RunOutcome<Input> {
  const message = `${messageOf(error)}\nNot so when the run was repeated: something in it takes real time or chance, or changes its input.`;
  return { ...outcome, error: new Error(message, { cause: error }) };
}

async function countsOf<Input>(simulation: Simulation<Input>, seed: number): Promise<Counts> {
  const most: Counts = { deliveries: 1, commits: 1, calls: 1, copies: 1, crashes: 0 };
  for (let pilot = 0; pilot < PILOT_RUNS; pilot++) {
    const { counts } = await simulation.attempt({ seed: seed + pilot });
    for (const name of Object.keys(most) as (keyof Counts)[]) most[name] = Math.max(most[name], counts[name]);
  }
  return most;
}

/** Numbers may exceed those of a run without faults, because faults add deliveries, commits and calls. */
function faultOf(
  fc: FastCheck,
  counts: Counts,
  kinds: readonly FaultKind[] = ['drop', 'duplicate', 'delay', 'crash', 'call'],
) {
  const record = <T>(model: { [K in keyof T]: Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
  const upTo = (count: number) => fc.integer({ min: 1, max: count + 1 });
  const delivery = upTo(counts.deliveries);
  const time = fc.integer({ min: 1, max: 60_000 });
  const byKind: Record<FaultKind, Arbitrary<Fault>> = {
    drop: record({ kind: fc.constant('drop' as const), delivery }),
    duplicate: record({ kind: fc.constant('duplicate' as const), delivery, after: time }),
    delay: record({ kind: fc.constant('delay' as const), delivery, by: time }),
    crash: fc.oneof(
      record({
        kind: fc.constant('crash' as const),
        commit: upTo(counts.commits),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
      record({ kind: fc.constant('crash' as const), delivery }),
      record({ kind: fc.constant('crash' as const), copy: upTo(counts.copies) }),
    ),
    call: record({
      kind: fc.constant('call' as const),
      call: upTo(counts.calls),
      outcome: fc.constantFrom('unavailable' as const, 'answer_lost' as const, 'crash' as const),
    }),
  };
  return fc.oneof(...kinds.map((kind) => byKind[kind]));
}

/** Limits crashes and failed calls to the number that a worker must tolerate: beyond it, the worker dead-letters the
 *  message. */
function tolerable(faults: readonly Fault[], patience: number): Fault[] {
  let crashes = 0;
  let failures = 0;
  return faults.filter((fault) => {
    if (fault.kind === 'crash' || (fault.kind === 'call' && fault.outcome === 'crash')) return ++crashes <= MAX_CRASHES;
    return fault.kind !== 'call' || ++failures <= Math.max(1, patience);
  });
}
