import { sleep } from '../../concurrency/sleep.js';
import type { Broker } from '../../broker/broker.js';
import type { Management } from '../../broker/rabbitmq/management/management.js';
import { namesFor, type Names, type WorkerQueues } from '../../broker/topology/topology.js';
import type { Config } from '../../config/load-config.js';
import type { DeadLetterContext } from '../../dead-letters/operations/replay-dead-letters.js';
import { migrateDeadLetters } from '../../dead-letters/storage/migrations.js';
import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import { newId } from '../../events/ids.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { createRelay } from '../../outbox/relay.js';
import {
  prepareReplay,
  replayRequest,
  type PreparedReplay,
  type PrepareReplayOptions,
} from '../../replay/prepare-replay.js';
import type { ReplayContext } from '../../replay/replay-context.js';
import type { ReplayCallbacks, ReplayRun } from '../../replay/runs/replay-run.js';
import { HEARTBEAT_TIMEOUT_MS } from '../../replay/runs/run-heartbeat.js';
import { findRun, listRuns, migrateReplays } from '../../replay/runs/run-table.js';
import { resumeReplay } from '../../replay/start-replay.js';
import type { Store } from '../../store/store.js';
import { silentLogger, type Logger } from '../../telemetry/logger.js';
import { hasQueue, queuesOfAll } from '../../worker/definition/queues.js';
import { workerDefinitionOf, type WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { openManagement } from '../broker/broker-address.js';
import { enabledWorkers, findWorker } from '../fleet/enabled-workers.js';
import { completeConfig, type RunOptions } from '../running.js';
import { openServices } from '../stores/services.js';
import { refuseForeignStore } from '../stores/store-claims.js';
import { openReplay } from './open-replay.js';
import { connectOperator, type Access, type OperatorPlace } from './operator-broker.js';

export interface FleetSessionOptions extends RunOptions {
  /** Interrupts a replay of history, and ends waits for the broker and for `publishOps`. Close the session afterwards all the
   *  same. */
  signal: AbortSignal;
  /** Of connections to the broker. @default none */
  logger?: Logger;
  /** Receives a line about each assumption, such as which broker is read from. @default none */
  notify?: (line: string) => void;
}

/** How `FleetSession.resumeReplay` continues. */
export interface ResumeReplayOptions extends ReplayCallbacks {
  /** Maximum number of events per second. @default as the replay was started */
  rate?: number | undefined;
  /** Only events that the store of their service contains, where it is on this machine. @default false */
  verified?: boolean | undefined;
}

/** The queues of a fleet's workers. */
export interface FleetQueues {
  /** Of the enabled workers. */
  workers: WorkerQueues[];
  /** Of all workers of the fleet, also those that are not enabled here. */
  declared: WorkerQueues[];
  /** The names of the enabled workers that have no queue. */
  queueless: string[];
  /** The names of the enabled workers that read the stream. */
  readers: string[];
}

const FLUSH_LIMIT_MS = 3000;
const POLL_INTERVAL_MS = 20;

/** The stores, the broker and the queues of a fleet, for operations that a program or a command does on them. Each is opened
 *  once, at its first use; `close` closes them. Creates no store, and starts no worker.
 *
 *      const session = new FleetSession(fleet, { signal, config: loadConfig(process.env) });
 *      try {
 *        const context = await session.deadLetters('write');
 *        await replayDeadLetters(context, { selection: { filter: { worker: 'payment' } }, who: 'ann', signal });
 *        await session.publishOps();
 *      } finally {
 *        await session.close();
 *      }
 */
export class FleetSession implements OperatorPlace {
  readonly config: Config;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly notify: (line: string) => void;
  /** Of the exchanges and queues in the broker. */
  readonly names: Names;
  /** The stores of services that are on this machine. */
  readonly stores: ReturnType<typeof openServices>;
  readonly #brokers = new Map<Access, Promise<Broker>>();

  constructor(
    readonly fleet: Fleet,
    { config, cwd = process.cwd(), signal, logger = silentLogger(), notify = () => undefined }: FleetSessionOptions,
  ) {
    this.config = completeConfig(config);
    this.cwd = cwd;
    this.signal = signal;
    this.logger = logger;
    this.notify = notify;
    this.names = namesFor(this.config.prefix);
    this.stores = openServices(this, fleet);
  }

  /** The message types of the fleet. */
  get definitions(): Definitions {
    return this.fleet.catalogue.definitions;
  }

  /** The queues that the workers of the fleet have. Throws `config.invalid` for an enabled worker that the fleet does not have. */
  queues(): FleetQueues {
    const enabled = enabledWorkers(this.fleet, this.config);
    return {
      workers: queuesOfAll(enabled),
      declared: queuesOfAll(
        enabledWorkers(this.fleet, { ...this.config, workers: this.fleet.workers.map(({ name }) => name) }),
      ),
      queueless: enabled.filter((worker) => !hasQueue(worker)).map(({ name }) => name),
      readers: enabled.filter(({ from }) => from === 'log').map(({ name }) => name),
    };
  }

  /** The broker, connected. Rejects with `broker.not_configured` where nothing names the broker to write to, and, where it cannot
   *  be reached, with the cause; at the latest `patience` milliseconds after `config.brokerWait`. @default 10 000 */
  broker(access: Access, patience?: number): Promise<Broker> {
    const opened = this.#brokers.get(access);
    if (opened !== undefined) return opened;
    const opening = connectOperator(this, access, patience);
    this.#brokers.set(access, opening);
    opening.catch(() => this.#brokers.delete(access)); // the next call tries again
    return opening;
  }

  /** The management API of the broker. Its requests reject with `broker.management`. */
  management(): Promise<Management> {
    return openManagement(this);
  }

  /** The store of dead letters. Rejects with `store.missing` where it is not on this machine. */
  async ops(): Promise<Store> {
    const store = await this.stores.find(OPS_STORE);
    if (store === undefined) {
      throw new FlotillaError('store.missing', `${OPS_STORE}, of DATA_DIR ${this.config.dataDir}; a keeper creates it`);
    }
    await migrateDeadLetters(store);
    return store;
  }

  /** What replaying and editing dead letters needs. Rejects as `ops` and `broker`, and with `fleet.prefix_taken` where the broker
   *  belongs to another store. */
  async deadLetters(access: Access): Promise<DeadLetterContext> {
    const workers = this.queues().declared.map(({ name }) => name);
    const store = await this.ops();
    const broker = await this.broker(access);
    await refuseForeignStore(this, store);
    const { names, definitions, stores } = this;
    const { handled, isClosed } = stores;
    const definitionOf = new Map(this.fleet.workers.map(workerDefinitionOf).map((worker) => [worker.name, worker]));
    const requested = (worker: string) => definitionOf.get(worker)?.requested;
    return { store, broker, names, workers, definitions, requested, now: Date.now, handled, isClosed };
  }

  /** Publishes what was appended to the store of dead letters, where no keeper runs that does. Returns after three seconds at
   *  most; the next process publishes the rest. */
  async publishOps(): Promise<void> {
    const [store, broker] = [await this.ops(), await this.broker('write')];
    const head = await store.head();
    const done = async () => (await store.checkpoint('relay')) >= head;
    if (await done()) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.signal, AbortSignal.timeout(FLUSH_LIMIT_MS)]);
    const running = createRelay({ store, broker, names: this.names, instance: `command-${newId()}` }).run(signal);
    while (!signal.aborted && !(await done())) await sleep(POLL_INTERVAL_MS);
    stop.abort();
    await running;
  }

  /** Checks a replay of history to the queue of one worker, which skips the events that it has handled:
   *
   *      const replay = await session.prepareReplay('views', { selection: { types: ['order.*'] }, who: 'ann' });
   *      for (const warning of replay.warnings) console.warn(warning);
   *      const { state, counts } = await replay.start();
   *
   *  Rejects as `ops` and `broker`, with `name.unknown` for a worker that the fleet does not have, with `replay.refused` and the
   *  remedy where the replay is not possible, with `store.missing` for a journal on another machine, and with
   *  `fleet.prefix_taken` where the broker belongs to another store. */
  async prepareReplay(worker: string, options: PrepareReplayOptions): Promise<PreparedReplay> {
    const definition = findWorker(enabledWorkers(this.fleet, this.config), worker);
    const request = replayRequest(definition, options);
    const { access = 'write', from, verified } = options;
    const context = await this.#openReplay(await this.#replayStore(), definition, { access, from, verified });
    return prepareReplay(context, request, { access, signal: this.signal });
  }

  /** Continues an interrupted replay by its id or a unique prefix; a worker that was reset for it is not reset again. Resolves
   *  with the run: done, or interrupted again. Rejects as `prepareReplay` and `PreparedReplay.start`, with `replay.not_found`, and
   *  with `replay.refused` if the replay is running or done. */
  async resumeReplay(id: string, { rate, verified, ...callbacks }: ResumeReplayOptions = {}): Promise<ReplayRun> {
    const store = await this.#replayStore();
    const found = await findRun(store, id, { now: Date.now(), timeout: HEARTBEAT_TIMEOUT_MS });
    const run = rate === undefined ? found : { ...found, rate };
    const worker = findWorker(enabledWorkers(this.fleet, this.config), run.worker);
    const context = await this.#openReplay(store, worker, { access: 'write', from: run.from, verified });
    return resumeReplay(context, run, { ...callbacks, signal: this.signal });
  }

  /** The newest hundred replays of history, newest first, and the number of all. Rejects as `ops`. */
  async replays(): Promise<{ items: ReplayRun[]; total: number }> {
    return listRuns(await this.#replayStore(), { now: Date.now(), timeout: HEARTBEAT_TIMEOUT_MS });
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    const brokers = await Promise.allSettled(this.#brokers.values());
    try {
      for (const broker of brokers) if (broker.status === 'fulfilled') await broker.value.close();
    } finally {
      await this.stores.close();
    }
  }

  async #replayStore(): Promise<Store> {
    const store = await this.ops();
    await migrateReplays(store);
    return store;
  }

  async #openReplay(
    store: Store,
    worker: WorkerDefinition,
    { access, ...options }: Pick<PrepareReplayOptions, 'from' | 'verified'> & { access: Access },
  ): Promise<ReplayContext> {
    const broker = await this.broker(access);
    if (access === 'write') await refuseForeignStore(this, store);
    return openReplay(this, { store, broker, worker, ...options });
  }
}
