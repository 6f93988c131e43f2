import { formatDuration } from '../../../duration.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { Metrics } from '../../../telemetry/metrics.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { Delivery } from '../../../broker/broker.js';
import type { Message } from '../../../worker/pipeline/message.js';
import type { DeliveryOutcome } from '../../../worker/pipeline/settle.js';
import { startWorker } from '../../../worker/start.js';
import type { SimulatedConsumer } from '../broker/consumer.js';
import { crashableStore } from './crashable-store.js';
import type { Network } from '../broker/network.js';
import { processBroker } from '../broker/process-broker.js';
import type { QueuedMessage } from '../broker/queue.js';
import type { RunState } from '../run-state.js';
import { Crashable } from './crashable.js';
import type { Service } from './service.js';

export interface ProcessOptions {
  definition: WorkerDefinition;
  /** The worker's name; with a number for several replicas. */
  label: string;
  /** The name of this process; another one after a restart. */
  instance: string;
  service: Service;
  network: Network;
  /** `use` replaces the result of `setup`. */
  given: { use?: unknown };
  logger: Logger;
  metrics: Metrics;
  onDeath: () => void;
  /** Ends the run with an error. */
  fail: (error: Error) => void;
}

/** Milliseconds from a commit's submission to the commit. */
const COMMIT_MS = 1;

/** A process of one worker. */
export class SimulatedProcess extends Crashable {
  readonly #consumers: SimulatedConsumer[] = [];
  /** The titles of the messages that are being handled. */
  readonly #handled = new Set<string>();

  constructor(
    private readonly options: ProcessOptions,
    state: RunState,
  ) {
    super(options.label, state);
  }

  /** The titles of the messages that it has received and not settled, or is handling. */
  get inFlight(): readonly string[] {
    const received = this.#consumers.flatMap(({ inFlight }) => inFlight);
    return [...new Set([...received.map(({ title }) => title), ...this.#handled])];
  }

  /** Starts the worker; rejects like `startWorker`. */
  async start(): Promise<void> {
    const { latencies } = this.state;
    const { definition, label, instance, service, network, given, logger, metrics } = this.options;
    await startWorker(definition, {
      store: crashableStore(service, this, this.state),
      broker: processBroker(this, network, this.state, {
        dispatch: (message, deliver) => this.#dispatch(message, deliver),
        onConsume: (consumer) => this.#consumers.push(consumer),
      }),
      instance,
      logger,
      metrics,
      clock: this.clock,
      random: () => latencies.fraction(`random ${label}`),
      // no notification is lost
      pollInterval: Infinity,
      // a handler that waits for something that is not simulated fails the run
      abandonAfterTimeouts: Infinity,
      releasesQuarantined: false,
      looksForMark: false, // there is no other broker
      stallAfter: Infinity,
      observe: (message, outcome) => {
        this.#trace(message, outcome);
        // a mistake of the worker, which the check of a simulation need not find
        if (message.failure?.code === 'contract.undeclared_emit') this.options.fail(message.failure.error);
      },
      within: (delivery, handle) => this.#within(delivery, handle),
      onCircuitBreaker: (state) => this.state.trace.add(label, `the circuit breaker is ${state}`),
      ...given,
    });
  }

  /** Runs a commit of a handling, during which the process may crash. It takes a while, in which others may begin. */
  commit<T>(work: () => Promise<T>): Promise<T> {
    const { handling, counts, faults, clock } = this.state;
    const message = handling.getStore()?.message;
    if (message === undefined || !this.isAlive) return this.guard(work);
    const number = ++counts.commits;
    const when = faults.crashAtCommit(number);
    return this.guard(async () => {
      await new Promise<void>((resolve) => clock.after(COMMIT_MS, resolve));
      if (when === 'before') this.crash(`before commit ${number}, of ${message.title}`);
      if (!this.isAlive) return await new Promise<never>(() => undefined);
      const value = await work();
      if (when === 'after') this.crash(`after commit ${number}, of ${message.title}`);
      return value;
    });
  }

  #dispatch(message: QueuedMessage, deliver: () => void): void {
    if (this.state.faults.isCrashAtDelivery(message.number)) {
      this.crash(`at ${message.title}`);
      return;
    }
    deliver();
  }

  /** Runs the handling of a message of a queue, or of one that was parked. */
  #within<T>({ properties }: Delivery, handle: () => T): T {
    const { network, definition } = this.options;
    const message = network.sent(definition.name, properties.messageId);
    if (message === undefined) return handle();
    this.#handled.add(message.title);
    return this.state.handling.run({ process: this, message, appended: [] }, handle);
  }

  crash(how: string): void {
    if (!this.end()) return;
    const others = Math.max(0, this.inFlight.length - 1);
    this.state.trace.fault(this.label, `dies ${how}${others > 0 ? `, with ${others} more in flight` : ''}`);
    this.state.counts.crashes += 1;
    for (const consumer of this.#consumers) consumer.leave();
    this.options.onDeath();
  }

  #trace({ failure, attempt, delivery }: Message, outcome: DeliveryOutcome): void {
    const handling = this.state.handling.getStore();
    if (handling === undefined) return;
    this.#handled.delete(handling.message.title);
    if (outcome === 'ignored') return;
    const { message, appended } = handling;
    const how = `${attempt > 1 ? `, attempt ${attempt}` : ''}${delivery.redelivered ? ', delivered before' : ''}`;
    const reason = failure === undefined ? '' : ` (${failure.code}: ${failure.message})`;
    const delay = this.options.definition.retryDelays[failure?.counted === false ? 0 : attempt - 1];
    const events = appended.length > 0 ? `  -> ${appended.join(', ')}` : '';
    const became: Record<Exclude<DeliveryOutcome, 'ignored'>, string> = {
      done: events === '' ? '  done' : events,
      duplicate: '  was handled already',
      retried: `  fails${reason}, again in ${delay === undefined ? 'a while' : formatDuration(delay)}`,
      parked: '  waits for an earlier one of its subject',
      dead: `  is dead-lettered${reason}${events}`,
      quarantined: `  is quarantined${reason}`,
      returned: `  goes back to its queue${reason}`,
    };
    this.state.trace.add(this.label, `${message.title}${how}${became[outcome]}`);
  }
}
