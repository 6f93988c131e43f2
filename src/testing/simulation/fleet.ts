import { OPS_STORE } from '../../fleet/reserved-names.js';
import type { DeadLetterFacts } from '../../dead-letters/dead-letter.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Store } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { hasQueue } from '../../worker/definition/queues.js';
import { SimulatedKeeper } from './process/keeper.js';
import type { PartitionCount } from '../../broker/messages/slot-headers.js';
import type { MoveResult } from '../../worker/ordering/partitions/move-partitions.js';
import { Network } from './broker/network.js';
import { SimulatedMover } from './process/mover.js';
import { SimulatedProcess } from './process/process.js';
import type { RunState } from './run-state.js';
import { Service } from './process/service.js';

/** The part of a simulation that is the same in every run. */
export interface FleetPlan {
  definitions: readonly WorkerDefinition[];
  /** @default 1 of each worker */
  replicas: Readonly<Record<string, number>>;
  mayDrop: (event: EventEnvelope, worker: string) => boolean;
  /** The initial contents of the stores. */
  images: ReadonlyMap<string, Buffer>;
  logger: Logger;
  metrics: Metrics;
}

/** The delay between the crash of a process and its restart. */
const RESTART_DELAY_MS = [100, 5_000] as const;

/** The fleet of one run: stores, network, and processes that restart after a crash. */
export class SimulatedFleet {
  readonly #processes = new Map<string, SimulatedProcess>();
  readonly #services = new Map<string, Service>();
  readonly #network: Network;
  readonly #keeper: SimulatedKeeper;
  /** How often each process has started, by label. */
  readonly #starts = new Map<string, number>();

  constructor(
    private readonly plan: FleetPlan,
    private readonly state: RunState,
    /** Ends the run with an error. */
    private readonly fail: (error: unknown) => void,
  ) {
    const { definitions, mayDrop } = plan;
    this.#keeper = new SimulatedKeeper(definitions, {
      openOps: () => this.#service(OPS_STORE).store,
      now: state.clock.now,
      fail,
    });
    this.#network = new Network(definitions, state, {
      mayDrop,
      onDead: (worker, message) => this.#keeper.collect(worker, message),
    });
  }

  get deadLetters(): readonly DeadLetterFacts[] {
    return this.#keeper.deadLetters;
  }

  /** Messages in flight when no task is left: their handlers wait for something that is not simulated. */
  get stuck(): string[] {
    return [...this.#processes].flatMap(([label, { inFlight }]) => inFlight.map((title) => `${label}: ${title}`));
  }

  store(service: string): Store {
    return this.#service(service).store;
  }

  /** Starts every worker that has a queue. */
  async start(use: Readonly<Record<string, unknown>>): Promise<void> {
    for (const definition of this.plan.definitions) {
      if (!hasQueue(definition)) continue;
      const { name } = definition;
      const replicas = this.plan.replicas[name] ?? 1;
      for (let replica = 1; replica <= replicas; replica++) {
        await this.#run(definition, replicas > 1 ? `${name}#${replica}` : name, name in use ? { use: use[name] } : {});
      }
    }
  }

  /** Changes the number of partitions of an ordered worker. Never settles if the command is killed, `killedAfter` milliseconds from
   *  now. */
  changePartitions(worker: string, to: PartitionCount, killedAfter: number | undefined): Promise<MoveResult> {
    const definition = this.plan.definitions.find(({ name }) => name === worker);
    if (definition === undefined) throw new FlotillaError('config.invalid', `the simulation has no worker ${worker}`);
    const number = (this.#starts.get('partitions') ?? 0) + 1;
    this.#starts.set('partitions', number);
    const service = this.#service(definition.store);
    const label = `partitions.${number}`;
    const mover = new SimulatedMover({ definition, service, network: this.#network, label }, this.state);
    if (killedAfter !== undefined) this.state.clock.after(killedAfter, () => mover.crash('by a signal'));
    return mover.run(to);
  }

  async close(): Promise<void> {
    for (const { store } of this.#services.values()) await store.close();
  }

  async #run(definition: WorkerDefinition, label: string, given: { use?: unknown }): Promise<void> {
    const { clock, latencies } = this.state;
    const start = (this.#starts.get(label) ?? 0) + 1;
    this.#starts.set(label, start);
    const process = new SimulatedProcess(
      {
        definition,
        label,
        instance: `${label}.${start}`,
        given,
        service: this.#service(definition.store),
        network: this.#network,
        logger: this.plan.logger,
        metrics: this.plan.metrics,
        fail: this.fail,
        onDeath: () => {
          const delay = latencies.between(`start ${label}`, ...RESTART_DELAY_MS);
          clock.after(delay, () => {
            this.state.trace.add(label, 'starts again');
            this.#run(definition, label, given).catch(this.fail);
          });
        },
      },
      this.state,
    );
    this.#processes.set(label, process);
    await process.start();
  }

  #service(name: string): Service {
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    const image = this.plan.images.get(name);
    const service = new Service(name, this.state, {
      image,
      send: (event, source) => this.#network.send(event, source),
      fail: this.fail,
    });
    this.#services.set(name, service);
    return service;
  }
}
