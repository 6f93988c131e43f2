import type { Arbitrary } from 'fast-check';
import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { silentLogger } from '../../telemetry/logger.js';
import { createMetrics } from '../../telemetry/metrics.js';
import type { WorkerDefinition, Worker } from '../../worker/definition/worker-definition.js';
import type { Duration } from '../../worker/definition/options.js';
import { ensureNames, simulatedDefinitions } from './definitions.js';
import { loadFastCheck, type FastCheck } from './explore/fast-check.js';
import { failureOfRun } from './failure.js';
import type { FleetPlan } from './fleet.js';
import { storeImages } from './process/images.js';
import { ActiveRun, type Run } from './run.js';
import type { RunResult, Attempt, RunOutcome } from './run-outcome.js';

/** The fakes of external dependencies in one run, and any other state that the check needs. */
export interface World {
  /** Replaces the result of `setup`, by worker. Other workers run their `setup`; no `teardown` runs. */
  readonly use?: Readonly<Record<string, unknown>>;
}

/** The options of `simulation`. */
export interface SimulationOptions<W extends World, Input> {
  workers: readonly Worker[];
  /** The number of processes of each worker. @default 1 */
  replicas?: Readonly<Record<string, number>>;
  /** Whether an event for a worker may be lost, for example a command that a saga repeats until it receives an answer.
   *  @default false */
  mayDrop?: (event: EventEnvelope, worker: string) => boolean;
  /** Limits above which a run counts as endless. @default 20000 tasks, '90d' of virtual time */
  limits?: { tasks?: number; virtualTime?: Duration };
  /** Generates the input of each run of `explore`, which shrinks it; for example the orders to place.
   *  @default no input */
  inputs?: (fc: FastCheck) => Arbitrary<Input>;
  /** Creates the fakes for each run. */
  setup?: (run: Run) => W;
  /** Acts on the fleet from outside; starts when the workers have started. */
  scenario: (run: Run, world: W, input: Input) => unknown;
  /** Throws if a guarantee does not hold; runs when no task is left. */
  check: (run: Run, world: W, input: Input) => unknown;
  /** Throws if an invariant does not hold. Runs after each task: it should be cheap, and must be synchronous. */
  invariant?: (run: Run, world: W, input: Input) => void;
}

/** Workers, fakes of their dependencies, and the guarantees of the system. */
export interface Simulation<Input = undefined> {
  /** Runs once; with the same result for the same seed, faults and input. If a guarantee does not hold, or a worker emits
   *  a type that it does not declare, rejects with `simulation.failed`; the message contains the trace and shows how to repeat the run. */
  run: (attempt: Attempt<Input>) => Promise<RunResult>;
  /** Runs once; a violated guarantee is part of the outcome. */
  attempt: (attempt: Attempt<Input>) => Promise<RunOutcome<Input>>;
  readonly inputs: ((fc: FastCheck) => Arbitrary<Input>) | undefined;
  /** The smallest number of retries of the workers. */
  readonly minRetries: number;
}

/** Simulates workers: each runs with its whole pipeline and real transactions, on memory stores, a network that delays
 *  and reorders, and a virtual clock, which circuit breakers also use. The faults of a run describe everything else
 *  that goes wrong. A partition of an ordered worker receives the events of one service in their order, unless the worker handles
 *  consecutive numbers. Projections and the event log are not simulated. A run takes no real time, and is repeatable if workers and
 *  fakes use neither real time nor other randomness. */
export function simulation<W extends World = World, Input = undefined>(
  options: SimulationOptions<W, Input>,
): Simulation<Input> {
  const definitions = simulatedDefinitions(options.workers);
  const { replicas = {}, mayDrop = () => false, limits = {}, inputs } = options;
  ensureNames('replicas', replicas, definitions);
  let planned: Promise<FleetPlan> | undefined;
  const plan = async (): Promise<FleetPlan> => ({
    definitions,
    replicas,
    mayDrop,
    images: await storeImages(definitions),
    logger: silentLogger(),
    metrics: createMetrics(),
  });
  const inputOf = async (given: Attempt<Input>): Promise<Input> => {
    if ('input' in given || inputs === undefined) return given.input as Input; // undefined without inputs
    const fc = await loadFastCheck();
    const [sampled] = fc.sample(inputs(fc), { seed: given.seed, numRuns: 1 });
    return sampled as Input; // a sample of one
  };
  const attempt = async (given: Attempt<Input>): Promise<RunOutcome<Input>> => {
    const { seed, faults = [] } = given;
    const input = await inputOf(given);
    const run = new ActiveRun(await (planned ??= plan()), {
      seed,
      faults,
      limits: { tasks: limits.tasks ?? 20_000, virtualTime: parseDuration(limits.virtualTime ?? '90d') },
    });
    const failed = await play(options, { run, input, definitions });
    const { clock, counts, trace, faults: injected } = run.state;
    return {
      seed,
      faults,
      input,
      trace: [...trace.lines], // later events in real time do not belong to the run
      virtualTime: clock.elapsed(),
      counts: { ...counts },
      unusedFaults: [...injected.remaining],
      deadLetters: [...run.deadLetters],
      ...failed,
    };
  };
  return {
    inputs,
    minRetries: Math.min(...definitions.map(({ retryDelays }) => retryDelays.length)),
    attempt,
    async run(given) {
      const outcome = await attempt(given);
      if ('error' in outcome) throw failureOfRun(outcome, { hasInput: inputs !== undefined });
      return outcome;
    },
  };
}

/** A rejection of the promise would be lost. */
function refusePromise(returned: unknown): void {
  if (!(returned instanceof Promise)) return;
  returned.catch(() => undefined);
  throw new FlotillaError(
    'config.invalid',
    'the invariant of a simulation must be synchronous, and returned a promise',
  );
}

async function play<W extends World, Input>(
  options: SimulationOptions<W, Input>,
  { run, input, definitions }: { run: ActiveRun; input: Input; definitions: readonly WorkerDefinition[] },
): Promise<{ error?: unknown }> {
  try {
    const world = options.setup?.(run) ?? ({} as W); // without a setup, W is World
    const { use = {} } = world;
    ensureNames('use', use, definitions);
    await run.play(
      use,
      () => options.scenario(run, world, input),
      () => refusePromise(options.invariant?.(run, world, input)),
    );
    let waiting = true;
    const checking = (async () => options.check(run, world, input))().finally(() => (waiting = false));
    checking.catch(() => undefined); // awaited below
    await run.settle(); // the check may take virtual time
    if (waiting) throw new FlotillaError('simulation.stuck', 'the check');
    await checking;
    return {};
  } catch (error) {
    return { error };
  } finally {
    await run.close();
  }
}
