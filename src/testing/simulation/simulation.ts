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

/** The fakes of external dependencies in one run, and whatever else the check needs. */
export interface World {
  /** By worker: replaces the result of its `setup`. Other workers run their `setup`; no `teardown` runs. */
  readonly use?: Readonly<Record<string, unknown>>;
}

export interface SimulationOptions<W extends World, Input> {
  workers: readonly Worker[];
  /** The number of processes of a worker. @default 1 of each */
  replicas?: Readonly<Record<string, number>>;
  /** Whether an event may be lost for a worker, for example a command that a saga repeats until it is answered.
   *  @default no event may */
  mayDrop?: (event: EventEnvelope, worker: string) => boolean;
  /** Beyond these a run counts as endless. @default 20000 tasks, '90d' of virtual time */
  limits?: { tasks?: number; virtualTime?: Duration };
  /** Generates the input of each run of `explore`, which shrinks it, for example the orders that are placed. @default nothing */
  inputs?: (fc: FastCheck) => Arbitrary<Input>;
  /** Creates the fakes for each run. */
  setup?: (run: Run) => W;
  /** Acts on the fleet from outside; begins when the workers have started. */
  scenario: (run: Run, world: W, input: Input) => unknown;
  /** Throws when a guarantee does not hold; runs when no task is left. */
  check: (run: Run, world: W, input: Input) => unknown;
  /** Throws when something that must hold at any time does not hold. Runs after each task: it should be cheap, and must be
   *  synchronous. */
  invariant?: (run: Run, world: W, input: Input) => void;
}

/** Workers, fakes of their dependencies, and the guarantees of the whole. */
export interface Simulation<Input = undefined> {
  /** One run; always the same for the same seed, faults and input. Rejects with `simulation.failed`, whose message shows
   *  how to repeat the run and its trace, when a guarantee does not hold. */
  run: (attempt: Attempt<Input>) => Promise<RunResult>;
  /** One run; a guarantee that does not hold is part of its outcome. */
  attempt: (attempt: Attempt<Input>) => Promise<RunOutcome<Input>>;
  readonly inputs: ((fc: FastCheck) => Arbitrary<Input>) | undefined;
  /** The smallest number of retries of the workers. */
  readonly minRetries: number;
}

/**
 * Simulates workers: each runs with its whole pipeline and its real transactions, on stores in memory, a network that
 * delays and reorders, and a virtual clock, on which their circuit breakers run, too. The faults of a run say what else
 * goes wrong. Not simulated: projections and the log. Nothing takes real time, and a run can be repeated as long as the
 * workers and the fakes use neither real time nor chance of their own.
 */
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
    if ('input' in given || inputs === undefined) return given.input as Input; // undefined where there are none
    const fc = await loadFastCheck();
    const [sampled] = fc.sample(inputs(fc), { seed: given.seed, numRuns: 1 });
    return sampled as Input; // asked for one
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

/** Its rejection would be lost. */
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
