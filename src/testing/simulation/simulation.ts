import type { Arbitrary } from 'fast-check';
import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { silentLogger } from '../../telemetry/logger.js';
import { createMetrics } from '../../telemetry/metrics.js';
import type { WorkerDefinition, Worker } from '../../worker/definition/worker-definition.js';
import type { Duration } from '../../worker/definition/options.js';
import { ensureNames, simulatedDefinitions } from './definitions.js';
import { loadFastCheck, type FastCheck } from './fast-check.js';
import { failureOfRun } from './failure.js';
import type { FleetPlan } from './fleet.js';
import { storeImages } from './images.js';
import { ActiveRun, type Run } from './run.js';
import type { RunResult, Attempt, RunOutcome } from './run-outcome.js';

/** What is outside of the workers in one run, and whatever else the check needs of it. */
export interface World {
  /** By worker: in place of what its `setup` would give. The others are set up as always, and nothing is torn down. */
  readonly use?: Readonly<Record<string, unknown>>;
}

export interface SimulationOptions<W extends World, Input> {
  workers: readonly Worker[];
  /** How many processes of a worker there are. @default 1 of each */
  replicas?: Readonly<Record<string, number>>;
  /** Whether an event may never reach a worker: one that comes again by itself, such as what a saga asks for until it is
   *  answered. @default none may */
  mayDrop?: (event: EventEnvelope, worker: string) => boolean;
  /** Beyond these a run is taken for endless. @default 20000 tasks, '90d' of virtual time */
  limits?: { tasks?: number; virtualTime?: Duration };
  /** What `explore` makes up for each run, and shrinks, such as the orders that are placed. @default nothing */
  inputs?: (fc: FastCheck) => Arbitrary<Input>;
  /** Makes the world outside, anew for each run. */
  setup?: (run: Run) => W;
  /** What happens from outside; begins when the workers have started. */
  scenario: (run: Run, world: W, input: Input) => unknown;
  /** Throws when a promise is broken; runs when nothing is left to happen. */
  check: (run: Run, world: W, input: Input) => unknown;
  /** Throws when something is not as it must be at any time; runs after each task, and so it should be cheap, and gives no
   *  promise. */
  invariant?: (run: Run, world: W, input: Input) => void;
}

/** Workers, the world around them, and what is promised of them together. */
export interface Simulation<Input = undefined> {
  /** One run; of the same seed, faults and input always the same. Rejects with `simulation.failed`, which tells how to
   *  repeat it and what happened, when a promise is broken. */
  run: (attempt: Attempt<Input>) => Promise<RunResult>;
  /** One run; a promise that is broken is part of its outcome. */
  attempt: (attempt: Attempt<Input>) => Promise<RunOutcome<Input>>;
  readonly inputs: ((fc: FastCheck) => Arbitrary<Input>) | undefined;
  /** Failures after which the least patient of the workers gives a message up. */
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
    const { clock, counts, trace, faults: left } = run.parts;
    return {
      seed,
      faults,
      input,
      trace: [...trace.lines], // what real time brings later is no part of the run
      virtualTime: clock.elapsed(),
      counts: { ...counts },
      unusedFaults: [...left.left],
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

/** Nobody would hear of what it rejects with. */
function refusePromise(said: unknown): void {
  if (!(said instanceof Promise)) return;
  said.catch(() => undefined);
  throw new FlotillaError('config.invalid', 'the invariant of a simulation is checked at once, and gives no promise');
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
    checking.catch(() => undefined); // heard of below
    await run.settle(); // what the check does may take virtual time
    if (waiting) throw new FlotillaError('simulation.stuck', 'the check');
    await checking;
    return {};
  } catch (error) {
    return { error };
  } finally {
    await run.close();
  }
}
