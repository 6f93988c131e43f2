import { Wakeup } from '../../concurrency/wakeup.js';
import { messageOf } from '../../errors.js';
import { leadOnce } from '../../store/leases/leader-loop.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { InFlightMessages } from '../consumption/in-flight.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import type { HandleMessage } from '../pipeline/message.js';
import type { PreparedWorker } from '../prepare.js';
import { ParkedDelivery } from './parked-delivery.js';
import { countWaiting, type ParkedMessage } from './parked-table.js';
import { parkingTopic, type Parking } from './parking.js';

const FAULT_PAUSE_MS = 500;
const REPORT_INTERVAL_MS = 1_000;
const LEASE_TTL_MS = 5_000;

export interface ResumeLoopOptions {
  worker: PreparedWorker;
  context: WorkerPipelineContext;
  pipeline: HandleMessage;
  inFlight: InFlightMessages;
  parking: Parking;
  /** Whether messages of the queues arrive. */
  isConsuming: () => boolean;
}

/** Handles the parked messages that are due, in order for each key: in one process at a time, the holder of the lease
 *  `ordering:<worker>`. Without parked messages, no process holds it. */
export class ResumeLoop {
  readonly #wakeup: Wakeup;
  readonly #faults: FaultLog;
  /** The keys of which a message is being handled. */
  readonly #running = new Map<string, Promise<void>>();
  #hasFailed = false;
  /** Milliseconds of the monotonic clock. */
  #reportedAt = -Infinity;
  /** Milliseconds since the epoch. */
  #consumingSince: number;

  constructor(private readonly options: ResumeLoopOptions) {
    const { worker, context } = options;
    this.#faults = new FaultLog(worker.logger);
    this.#wakeup = new Wakeup(context.clock.after);
    this.#consumingSince = context.clock.now();
  }

  /** Resolves when the signal of the context aborts. Never rejects. */
  async run(): Promise<void> {
    const { worker, context } = this.options;
    const { signal, gate, name } = context;
    const wake = () => this.#wakeup.notify();
    const stopListening = [worker.store.onNotify(parkingTopic(name), wake), gate.onChange(wake)];
    signal.addEventListener('abort', wake);
    while (!signal.aborted) {
      let wait = worker.pollInterval;
      try {
        await this.#report();
        if (this.#room > 0) wait = await this.#round();
        this.#faults.recovered('Parked messages are handled again');
      } catch (error) {
        wait = FAULT_PAUSE_MS;
        if (!signal.aborted)
          this.#faults.failed('Parked messages could not be handled; retrying', { error: messageOf(error) });
      }
      if (!signal.aborted) await this.#wakeup.wait(wait);
    }
    signal.removeEventListener('abort', wake);
    for (const stop of stopListening) stop();
  }

  /** Exports how much waits, at most once a second. */
  async #report(): Promise<void> {
    const now = this.options.context.clock.elapsed();
    if (now - this.#reportedAt < REPORT_INTERVAL_MS) return;
    this.#reportedAt = now;
    const { store, metrics, definition } = this.options.worker;
    const { parked, held } = await countWaiting(store.query, definition.name);
    metrics.parked.labels(definition.name).set(parked);
    metrics.held.labels(definition.name).set(held);
  }

  /** Handles what is due. Resolves with the milliseconds until the next message is due, at most the poll interval. */
  async #round(): Promise<number> {
    if (!this.options.isConsuming()) this.#consumingSince = this.options.context.clock.now();
    const wait = await this.#untilDue();
    if (wait > 0) return wait;
    const { store, instance, logger, leaseTtl: ttl = LEASE_TTL_MS, clock, random } = this.options.worker;
    const { name: worker, signal } = this.options.context;
    const lease = { store, name: `ordering:${worker}`, holder: instance, ttl, logger, clock, random, signal };
    await leadOnce(lease, (leading) => this.#lead(leading));
    return this.#hasFailed ? FAULT_PAUSE_MS : 0;
  }

  /** Handles messages until none is due, or the worker pauses. */
  async #lead(leading: AbortSignal): Promise<void> {
    const { clock, gate } = this.options.context;
    const { prefetch } = this.options.worker.definition;
    this.#hasFailed = false;
    while (!leading.aborted && gate.reasons.length === 0 && !this.#hasFailed) {
      // those that are being handled are among the first ones
      const due = (await this.#heads(this.#running.size + prefetch)).filter(
        ({ dueAt, key }) => dueAt <= clock.now() && !this.#running.has(key),
      );
      for (const row of due.slice(0, Math.max(0, this.#room))) this.#start(row, leading);
      if (this.#running.size === 0) break;
      await Promise.race(this.#running.values());
    }
    await Promise.all(this.#running.values());
  }

  /** How many more messages may be handled now. One probes a dependency while the circuit breaker is half-open: the queues
   *  may be empty. */
  get #room(): number {
    const { gate } = this.options.context;
    if (gate.reasons.length > 0) return 0;
    return (gate.isOpen ? this.options.worker.definition.prefetch : 1) - this.#running.size;
  }

  #start(row: ParkedMessage, leading: AbortSignal): void {
    const { worker, context, pipeline, inFlight } = this.options;
    const delivery = new ParkedDelivery(row, worker.names.queue(context.name), leading);
    const handled = inFlight
      .handle(delivery, pipeline)
      .then((outcome) => {
        if (outcome === 'returned') this.#hasFailed = true;
      })
      .finally(() => this.#running.delete(row.key));
    this.#running.set(row.key, handled);
  }

  async #untilDue(): Promise<number> {
    const { context, worker } = this.options;
    const [first] = await this.#heads(1);
    if (first === undefined) return worker.pollInterval;
    return Math.min(worker.pollInterval, Math.max(0, first.dueAt - context.clock.now()));
  }

  #heads(limit: number): Promise<ParkedMessage[]> {
    return this.options.parking.heads(limit, this.#consumingSince);
  }
}
