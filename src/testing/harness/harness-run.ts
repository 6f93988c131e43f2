import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Publisher } from '../../broker/broker.js';
import { createMemoryBroker, type MemoryBroker } from '../../broker/memory/broker.js';
import { namesFor, topologyOf } from '../../broker/topology/topology.js';
import { messageOf } from '../../errors.js';
import { createEvent, originContext } from '../../events/create.js';
import { CLOUDEVENTS_JSON, type EventEnvelope, type UnsequencedEvent } from '../../events/envelope.js';
import type { Store } from '../../store/store.js';
import { openSqliteStore } from '../../store/sqlite/index.js';
import { silentLogger } from '../../telemetry/logger.js';
import { routeOf } from '../../worker/definition/queues.js';
import { workerDefinitionOf, type Worker, type WorkerDefinition } from '../../worker/definition/worker-definition.js';
import type { Failure } from '../../worker/pipeline/failure.js';
import { SUBJECT, type ScheduledEvent, type SeenEvent, type TestEvent } from './events.js';
import { ManualClock } from './manual-clock.js';
import type { DeliveryOutcome } from '../../worker/pipeline/settle.js';
import { queuesOfAll } from '../../worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../../worker/start.js';

/** The options of `harness`. */
export interface HarnessOptions {
  /** Replaces the result of the worker's `setup`. */
  use?: unknown;
  /** The settings, valid by the worker's `settings` schema; not needed with `use`. */
  settings?: Record<string, unknown>;
  /** Headers of the delivery, such as `flotilla-attempt`. */
  headers?: Record<string, string | number | boolean>;
  /** The time before `advance`, in milliseconds since the epoch. Timers, saga timeouts and the ids of saga commands are
   *  derived from it. @default the time at which the scenario starts, constant */
  now?: () => number;
}

/** The result of a step. */
export interface StepResult {
  /** The outcome of the first message that was not `done`; `done` if there is none. */
  outcome: DeliveryOutcome;
  failure: Failure | undefined;
  /** The appended events, in order. */
  emitted: SeenEvent[];
  /** The scheduled events. */
  scheduled: ScheduledEvent[];
  /** When the step ended, in milliseconds since the epoch. */
  now: number;
}

interface Settled {
  id: string;
  outcome: DeliveryOutcome;
  failure: Failure | undefined;
}

/** A step is complete after this many event-loop ticks without a message in flight or in the queue. */
const QUIET_TURNS = 3;

/** Runs one worker with a real store on a memory broker and a manual clock. */
export class HarnessRun {
  readonly #settled: Settled[] = [];
  #wake = () => {};

  private constructor(
    private readonly definition: WorkerDefinition,
    private readonly options: HarnessOptions,
    private readonly folder: string,
    private readonly clock: ManualClock,
    readonly store: Store,
    private readonly broker: MemoryBroker,
    private readonly publisher: Publisher,
    private running: RunningWorker | undefined,
  ) {}

  static async start(worker: Worker, options: HarnessOptions): Promise<HarnessRun> {
    const definition = workerDefinitionOf(worker);
    const start = Date.now();
    const clock = new ManualClock(options.now ?? (() => start));
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-harness-'));
    const path = join(folder, 'store.db');
    const store = await openSqliteStore({ service: definition.store, path, clock: clock.now });
    const broker = createMemoryBroker({ clock });
    await broker.applyTopology(
      topologyOf(queuesOfAll([workerDefinitionOf(worker)]), {
        prefix: '',
        log: { maxAge: '1h', maxBytes: 1_000_000 },
        unroutedMax: 100,
      }),
    );
    const publisher = broker.createPublisher();
    const run = new HarnessRun(definition, options, folder, clock, store, broker, publisher, undefined);
    const { headers: _, now: __, ...rest } = options;
    try {
      run.running = await startWorker(definition, {
        ...rest,
        clock: { now: clock.now, elapsed: clock.elapsed, after: clock.afterOrInRealTime, every: clock.every },
        pollInterval: Infinity, // no notification is lost
        store,
        broker,
        instance: 'harness',
        logger: silentLogger(),
        observe: ({ delivery, failure }, outcome) => {
          run.#settled.push({ id: delivery.properties.messageId ?? '', outcome, failure });
          run.#wake();
        },
      });
      return run;
    } catch (error) {
      await run.stop();
      throw error;
    }
  }

  /** Handles an event. */
  async take(test: TestEvent): Promise<StepResult> {
    const event = this.#envelopeOf(test);
    return this.#step([event.id], async () => {
      if (this.#isProjected(event.type)) await this.store.append(event.subject, 'any', [event]);
      if (!this.#isProjected(event.type) || this.definition.handlerOf.has(event.type)) await this.#deliver(event);
    });
  }

  /** Advances the clock: due timers and retries fire, and the worker handles their messages. */
  async advance(milliseconds: number): Promise<StepResult> {
    const target = this.clock.now() + milliseconds;
    return this.#step([], async () => {
      for (;;) {
        const due = Math.min((await this.store.nextTimer()) ?? Infinity, this.clock.next ?? Infinity);
        if (due > target) break;
        this.clock.moveTo(due);
        const before = await this.store.head();
        await this.store.fireTimers(this.clock.now());
        for (const { event } of await this.store.readAll(before)) {
          if (routeOf(this.definition, event.type) === 'handled') await this.#deliver(event);
        }
        await this.#quiet();
      }
      this.clock.moveTo(target);
    });
  }

  async stop(): Promise<void> {
    await this.running?.stop(1000);
    await this.publisher.close();
    await this.broker.close();
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #step(given: readonly string[], work: () => Promise<void>): Promise<StepResult> {
    const before = await this.store.head();
    const settled = this.#settled.length;
    await work();
    await this.running?.caughtUp();
    const outcomes = this.#settled.slice(settled);
    const first = outcomes.find(({ outcome }) => outcome !== 'done') ?? outcomes[0];
    const appended = (await this.store.readAll(before)).filter(({ id }) => !given.includes(id));
    return {
      outcome: first?.outcome ?? 'done',
      failure: first?.failure,
      emitted: appended.map(({ event: { type, subject, data } }) => ({ type, subject, data })),
      scheduled: await this.#scheduled(),
      now: this.clock.now(),
    };
  }

  /** Resolves when the event is settled. */
  async #deliver(event: UnsequencedEvent): Promise<void> {
    const { headers = {} } = this.options;
    const settled = this.#settled.length;
    await this.publisher.ready();
    await this.publisher.publish({
      exchange: '',
      routingKey: namesFor('').queue(this.definition.name),
      body: Buffer.from(JSON.stringify(event)),
      properties: { messageId: event.id, type: event.type, contentType: CLOUDEVENTS_JSON, headers },
      mandatory: true,
    });
    while (!this.#settled.slice(settled).some(({ id }) => id === event.id)) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Resolves when no message is in the queue or in flight, or the worker has paused. */
  async #quiet(): Promise<void> {
    const queue = namesFor('').queue(this.definition.name);
    for (let turns = 0; turns < QUIET_TURNS;) {
      await setImmediate();
      const state = this.running?.state();
      const ready = (await this.broker.queueDepth(queue))?.ready ?? 0;
      const isQuiet = state === undefined || state.pauses.length > 0 || (state.inFlight === 0 && ready === 0);
      turns = isQuiet ? turns + 1 : 0;
    }
  }

  async #scheduled(): Promise<ScheduledEvent[]> {
    const rows = await this.store.query<{ due: number; event: string }>`
      SELECT due, event FROM flotilla_timers ORDER BY due, id`;
    return rows.map(({ due, event }) => {
      const { type, subject, data } = JSON.parse(event) as EventEnvelope;
      return { type, subject, data, at: new Date(due).toISOString() };
    });
  }

  #isProjected(type: string): boolean {
    return this.definition.projections.some(({ handlerOf }) => handlerOf.has(type));
  }

  #envelopeOf({ type, data, subject = SUBJECT, id, version }: TestEvent): UnsequencedEvent {
    const source = this.#isProjected(type) ? this.store.service : 'test';
    const context = originContext({ source, subject, now: this.clock.now() });
    try {
      return createEvent(this.definition.definitions, type, data, { ...context, id: id ?? context.id }, version);
    } catch (error) {
      throw new Error(`${this.definition.name}: ${type} is no event of the catalogue: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
