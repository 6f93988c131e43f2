import { AsyncLocalStorage } from 'node:async_hooks';
import type { DeadLetterFacts } from '../../dead-letters/dead-letter.js';
import type { PartitionCount } from '../../broker/messages/slot-headers.js';
import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import type { EventContext } from '../../events/envelope.js';
import { derivedId } from '../../events/ids.js';
import type { Store } from '../../store/store.js';
import type { Duration } from '../../worker/definition/options.js';
import { FaultPlan, type Fault } from './faults.js';
import { SimulatedFleet, type FleetPlan } from './fleet.js';
import { externalCall } from './process/external-call.js';
import type { Handling, RunState } from './run-state.js';
import { generator, Latencies } from './seeded.js';
import { Trace } from './trace.js';
import { VirtualClock, type Limits } from './virtual-clock.js';

/** One run, for the scenario and the check. They must use its time, random numbers and ids, so that the run can be
 *  repeated. */
export interface Run {
  readonly seed: number;
  /** Virtual time, in milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 to 1; a sequence determined by the seed. */
  readonly random: () => number;
  /** Schedules work at a time since the start of the run. An error or rejection ends the run. */
  readonly at: (time: Duration, work: () => unknown) => void;
  /** Resolves when this virtual time has passed. */
  readonly sleep: (time: Duration) => Promise<void>;
  /** The store of a service. */
  readonly store: (service: string) => Store;
  /** Returns the context of an event without a cause: its id and time are the same when the run is repeated. */
  readonly context: (event: { source: string; subject: string }) => EventContext;
  /** Creates a fake of an external dependency: its calls take virtual time, and faults can be injected into them. The
   *  trace shows this name. */
  readonly externalCall: <Args extends unknown[], Result>(
    name: string,
    effect: (...args: Args) => Result | Promise<Result>,
  ) => (...args: Args) => Promise<Result>;
  /** Changes the number of partitions of an ordered worker, as `flotilla order partitions set` does. `killedAfter`: the command is
   *  killed then, and the promise never settles. Call it again to continue the change. Rejects with `partitions.moving`
   *  while a change to another number is under way. */
  readonly changePartitions: (
    worker: string,
    count: PartitionCount,
    options?: { killedAfter?: Duration },
  ) => Promise<void>;
  readonly deadLetters: readonly DeadLetterFacts[];
}

export interface RunOptions {
  seed: number;
  faults: readonly Fault[];
  limits: Limits;
}

/** A run in progress, with the methods that only the simulation uses. */
export class ActiveRun implements Run {
  readonly seed: number;
  readonly random: () => number;
  readonly state: RunState;
  readonly #limits: Limits;
  readonly #fleet: SimulatedFleet;
  #ids = 0;
  #failure: { error: unknown } | undefined;

  constructor(plan: FleetPlan, { seed, faults, limits }: RunOptions) {
    this.seed = seed;
    this.random = generator(seed);
    this.#limits = limits;
    const clock = new VirtualClock();
    const width = Math.max(...plan.definitions.map(({ name, store }) => Math.max(name.length + 2, store.length)));
    this.state = {
      clock,
      latencies: new Latencies(seed),
      faults: new FaultPlan(faults),
      trace: new Trace(clock.elapsed, width),
      handling: new AsyncLocalStorage<Handling>(),
      counts: { deliveries: 0, commits: 0, calls: 0, copies: 0, crashes: 0 },
    };
    this.#fleet = new SimulatedFleet(plan, this.state, this.fail);
  }

  get deadLetters(): readonly DeadLetterFacts[] {
    return this.#fleet.deadLetters;
  }

  readonly now = (): number => this.state.clock.now();

  readonly at = (time: Duration, work: () => unknown): void => {
    const { clock } = this.state;
    clock.after(parseDuration(time) - clock.elapsed(), () => this.watch(work));
  };

  readonly sleep = (time: Duration): Promise<void> =>
    new Promise((resolve) => this.state.clock.after(parseDuration(time), resolve));

  readonly store = (service: string): Store => this.#fleet.store(service);

  readonly context = ({ source, subject }: { source: string; subject: string }): EventContext => {
    const id = derivedId(this.now(), 'simulation', this.seed, ++this.#ids);
    return { id, source, subject, time: new Date(this.now()).toISOString(), correlationId: id };
  };

  readonly externalCall: Run['externalCall'] = (name, effect) => externalCall(name, effect, this.state);

  readonly changePartitions: Run['changePartitions'] = async (worker, count, { killedAfter } = {}) => {
    const after = killedAfter === undefined ? undefined : parseDuration(killedAfter);
    await this.#fleet.changePartitions(worker, count, after);
  };

  /** Ends the run with this error; the first one counts. */
  readonly fail = (error: unknown): void => {
    this.#failure ??= { error };
  };

  /** Runs work whose error or rejection ends the run. */
  watch(work: () => unknown): void {
    const running = (async () => work())();
    running.catch(this.fail);
  }

  /** Starts the workers, then the scenario, and runs until no task is left. Rejects with the first error. */
  async play(use: Readonly<Record<string, unknown>>, scenario: () => unknown, invariant: () => void): Promise<void> {
    let waiting: string | undefined = 'the start of the workers';
    this.watch(async () => {
      await this.#fleet.start(use);
      waiting = 'the scenario';
      this.state.clock.after(0, () =>
        this.watch(async () => {
          await scenario();
          waiting = undefined;
        }),
      );
    });
    await this.settle(invariant);
    if (waiting !== undefined) throw new FlotillaError('simulation.stuck', waiting);
    const { stuck } = this.#fleet;
    if (stuck.length > 0) throw new FlotillaError('simulation.stuck', `handlers: ${stuck.join(', ')}`);
  }

  /** Runs until no task is left. Rejects with the first error. */
  async settle(invariant: () => void = () => undefined): Promise<void> {
    await this.state.clock.run(this.#limits, () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      invariant();
    });
  }

  async close(): Promise<void> {
    this.state.handling.disable();
    await this.#fleet.close();
  }
}
