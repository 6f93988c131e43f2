import type { Delivery } from '../../../broker/broker.js';
import { Wakeup } from '../../../concurrency/wakeup.js';
import { hasCode, messageOf } from '../../../errors.js';
import { failpoint } from '../../../failpoints.js';
import { BoundedLog } from '../../../telemetry/bounded-log.js';
import { FaultLog } from '../../../telemetry/fault-log.js';
import type { PreparedWorker } from '../../prepare.js';
import { requireSameBroker } from '../broker-mark.js';
import { PartitionConsumer, type PartitionConsumerOptions } from '../partition-consumer.js';
import { adoptPartitions } from './adopt-partitions.js';
import { openPartitions, type OpenPartition } from './partition-plan.js';
import { moveLease, partitionTopic, passPartition, readPartitions, type PartitionState } from './partition-table.js';

const FAULT_PAUSE_MS = 500;
/** Minimum time between two entries about late messages of one queue. */
const LATE_INTERVAL_MS = 60_000;

export interface PartitionConsumersOptions {
  worker: PreparedWorker;
  onDelivery: (delivery: Delivery) => void;
  /** Called before a partition is consumed, perhaps after another process. */
  onBegin: () => void;
  /** Called when messages of a partition may not be handled any more. */
  onOver: () => void;
}

/** Consumes the partitions of an ordered worker, and follows changes of their number in the store without a restart: a new
 *  partition is consumed when the old ones with messages of the same subjects have passed. */
export class PartitionConsumers {
  readonly #consumers = new Map<string, PartitionConsumer>();
  /** No longer consumed; their messages in flight can still be settled. */
  readonly #leaving = new Set<PartitionConsumer>();
  readonly #passed = new Set<string>();
  readonly #wakeup: Wakeup;
  readonly #faults: FaultLog;
  readonly #late: BoundedLog;
  readonly #running: Promise<void>;
  readonly #stopFollowing: () => void;
  /** Whether the broker is that of the mark; another one may be behind the next connection. */
  #sameBroker: Promise<void> | undefined = Promise.resolve();
  #isWanted = true;
  /** The most messages that the worker handles at the same time. */
  #limit: number;
  #isClosed = false;
  #isReady = false;

  constructor(private readonly options: PartitionConsumersOptions) {
    const { broker, logger, definition, clock } = options.worker;
    this.#wakeup = new Wakeup(clock.after);
    this.#faults = new FaultLog(logger);
    this.#late = new BoundedLog(logger, LATE_INTERVAL_MS);
    this.#limit = definition.prefetch;
    this.#stopFollowing = broker.onState((state) => {
      if (state === 'connecting') this.#sameBroker = undefined;
    });
    this.#running = this.#run();
  }

  get consuming(): boolean {
    return this.#isReady && this.consumers.every(({ consuming }) => consuming);
  }

  /** Those that are open now. */
  get consumers(): readonly PartitionConsumer[] {
    return [...this.#consumers.values()];
  }

  async cancel(): Promise<void> {
    this.#isWanted = false;
    await Promise.all(this.consumers.map((consumer) => consumer.cancel()));
  }

  async resume(limit = this.#limit): Promise<void> {
    this.#isWanted = true;
    this.#limit = limit;
    await Promise.all(this.consumers.map((consumer) => consumer.resume(limit)));
    this.#wakeup.notify();
  }

  /** Closes the channels, also if messages are not settled. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopFollowing();
    this.#wakeup.notify();
    await this.#running;
    await Promise.all([...this.consumers, ...this.#leaving].map((consumer) => consumer.close()));
  }

  async #run(): Promise<void> {
    const { store, definition, pollInterval } = this.options.worker;
    const stopListening = store.onNotify(partitionTopic(definition.name), () => this.#wakeup.notify());
    while (!this.#isClosed) {
      let wait = pollInterval;
      try {
        const state = (this.#isReady ? await this.#state() : undefined) ?? (await this.#adopt());
        this.#follow(state);
        this.#isReady = true;
        await this.#reportMove(state);
        this.#faults.recovered('The state of the partitions is read again');
      } catch (error) {
        wait = FAULT_PAUSE_MS;
        this.#faults.failed('The state of the partitions could not be read; retrying', { error: messageOf(error) });
      }
      if (!this.#isClosed) await this.#wakeup.wait(wait);
    }
    stopListening();
  }

  #state(): Promise<PartitionState | undefined> {
    const { store, definition } = this.options.worker;
    return readPartitions(store.query, definition.name);
  }

  async #adopt(): Promise<PartitionState> {
    const { worker } = this.options;
    const { definition, logger } = worker;
    const defined = definition.ordering?.partitions ?? 1;
    const state = await adoptPartitions({ ...worker, worker: definition.name, defined });
    if (state.size !== defined && state.moving === undefined)
      logger.info('the number of partitions differs from the definition of the worker', {
        partitions: state.size,
        expectedPartitions: defined,
      });
    return state;
  }

  /** Exports whether a change of the number of partitions waits for a command that continues it. */
  async #reportMove(state: PartitionState): Promise<void> {
    const { store, metrics, definition, clock } = this.options.worker;
    const { name } = definition;
    const isInterrupted = state.moving !== undefined && !(await store.isLeaseHeld(moveLease(name), clock.now()));
    metrics.changeInterrupted.labels(name).set(isInterrupted ? 1 : 0);
  }

  /** Consumes exactly the partitions that may be consumed. */
  #follow(state: PartitionState): void {
    const open = new Map(openPartitions(state).map((partition) => [this.#queueOf(partition), partition]));
    for (const [queue, consumer] of this.#consumers) {
      if (open.has(queue)) continue;
      this.#consumers.delete(queue);
      this.#passed.delete(queue);
      this.#leaving.add(consumer);
      void consumer.leave().then(() => this.#leaving.delete(consumer));
    }
    for (const [queue, partition] of open) {
      if (partition.hasPassed) this.#passed.add(queue);
      if (this.#isWanted && !this.#isClosed && !this.#consumers.has(queue))
        this.#consumers.set(queue, this.#consume(queue, partition));
    }
  }

  #consume(queue: string, { size, index }: OpenPartition): PartitionConsumer {
    const { worker, onDelivery, onBegin, onOver } = this.options;
    const { broker, clock, definition } = worker;
    const options: PartitionConsumerOptions = {
      ...{ broker, clock, queue, partitions: size, onOver },
      onDelivery: (delivery) => {
        if (this.#passed.has(queue) && !delivery.redelivered) this.#reportLate(queue);
        onDelivery(delivery);
      },
      begin: async () => {
        await this.#requireSameBroker();
        const state = await this.#state();
        const mayConsume = state !== undefined && openPartitions(state).some((open) => this.#queueOf(open) === queue);
        if (!mayConsume) this.#wakeup.notify();
        onBegin();
        return mayConsume;
      },
      pass: async (epoch) => {
        await worker.store.transaction((tx) => passPartition(tx, definition.name, epoch, index));
        failpoint('partitions.passed');
        this.#wakeup.notify();
      },
    };
    return new PartitionConsumer(options, this.#limit);
  }

  /** Ends the worker if another broker is behind its connection. */
  #requireSameBroker(): Promise<void> {
    const { worker } = this.options;
    return (this.#sameBroker ??= requireSameBroker(worker.definition.name, worker).catch((error: unknown) => {
      this.#sameBroker = undefined;
      if (hasCode(error, 'worker.broker_changed')) {
        worker.logger.error(error.message);
        worker.onFatal?.(error);
      }
      throw error;
    }));
  }

  #reportLate(queue: string): void {
    const { metrics, definition } = this.options.worker;
    metrics.lateInPartition.labels(definition.name).inc();
    const message = 'A message arrived in a partition that had passed; it may be handled out of order';
    this.#late.log('warn', queue, message, { queue });
  }

  #queueOf({ size, index }: Pick<OpenPartition, 'size' | 'index'>): string {
    const { names, definition } = this.options.worker;
    return names.partition(definition.name, size, index);
  }
}
