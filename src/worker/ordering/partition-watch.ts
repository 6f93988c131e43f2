import type { Broker } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { HotSubjects, PartitionTraffic } from './hot-subjects.js';
import type { PartitionConsumer } from './partition-consumer.js';

/** Milliseconds without a message after which a partition is asked whether it has some. */
const STALL_AFTER_MS = 60_000;
/** Checks in this time. */
const CHECKS = 4;
/** Messages that arrive within this many milliseconds of a new channel had been stalled. */
const PROOF_MS = 10_000;
/** With fewer messages in the last minutes, no subject of a partition counts as hot. */
const FEWEST_MESSAGES = 100;

/** What this process knows of a partition of an ordered worker. */
export interface PartitionState extends PartitionTraffic {
  queue: string;
  /** Messages that it has received and not settled. */
  inFlight: number;
  /** When the oldest of them was published, RFC 3339. */
  oldestAt?: string | undefined;
  /** Whether the broker has messages for this consumer, which receives none. */
  isStalled: boolean;
  /** How often the broker did not deliver, since the process started. */
  stalls: number;
}

export interface PartitionWatchOptions {
  worker: string;
  partitions: () => readonly PartitionConsumer[];
  subjects: HotSubjects;
  broker: Pick<Broker, 'queueDepth'>;
  clock: Pick<Clock, 'elapsed' | 'every'>;
  logger: Logger;
  metrics: Pick<Metrics, 'partitionStalled' | 'hotSubject'>;
  /** `Infinity`: no checks. @default one minute */
  stallAfter?: number | undefined;
}

/** Where the suspicion of a stall stands. */
interface Suspicion {
  /** Milliseconds of the monotonic clock: when the queue was last asked, and when the channel was closed. */
  askedAt: number;
  reconnectedAt: number;
  /** Whether messages were ready at the last check. */
  hadReady: boolean;
  isStalled: boolean;
  stalls: number;
}

/** Closes the channel of a partition that receives nothing for a minute although its queue has messages, so that another one is
 *  opened. RabbitMQ has had faults in which a queue with a single active consumer stops delivering. A replica that waits for
 *  its turn receives nothing either: a stall is reported only if this is the active consumer, if the broker has none, or if messages
 *  arrive at once on the new channel. */
export class PartitionWatch {
  readonly #suspicions = new Map<string, Suspicion>();
  readonly #stopChecking: () => void = () => undefined;
  readonly #stallAfter: number;
  #checking = Promise.resolve();

  constructor(private readonly options: PartitionWatchOptions) {
    this.#stallAfter = options.stallAfter ?? STALL_AFTER_MS;
    if (this.#stallAfter === Infinity) return;
    const checkNext = () => (this.#checking = this.#checking.then(() => this.check()));
    this.#stopChecking = options.clock.every(this.#stallAfter / CHECKS, checkNext);
  }

  stop(): void {
    this.#stopChecking();
  }

  state(): PartitionState[] {
    return this.options.partitions().map((partition) => {
      const { queue, inFlight, oldestAt } = partition;
      const { isStalled, stalls } = this.#suspicionOf(queue);
      return {
        queue,
        inFlight,
        oldestAt: oldestAt === undefined ? undefined : new Date(oldestAt).toISOString(),
        isStalled,
        stalls,
        ...this.options.subjects.of(queue),
      };
    });
  }

  /** Checks all partitions. Never rejects. */
  async check(): Promise<void> {
    const partitions = this.options.partitions();
    this.#forgetOthers(partitions);
    for (const partition of partitions) {
      this.#reportHotSubject(partition.queue);
      try {
        await this.#check(partition);
      } catch (error) {
        // the connection is lost, or the queue does not exist: reported elsewhere
        this.options.logger.debug('A partition could not be checked', {
          queue: partition.queue,
          error: messageOf(error),
        });
      }
    }
  }

  async #check(partition: PartitionConsumer): Promise<void> {
    const { clock, broker } = this.options;
    const suspicion = this.#suspicionOf(partition.queue);
    if (partition.receivedAt > suspicion.reconnectedAt) {
      if (!suspicion.isStalled && partition.receivedAt - suspicion.reconnectedAt < PROOF_MS) {
        this.#report(partition.queue, suspicion, 'A partition delivered nothing until its channel was replaced');
      }
      Object.assign(suspicion, { reconnectedAt: Infinity, isStalled: false });
    }
    const isDue = suspicion.hadReady || clock.elapsed() - suspicion.askedAt >= this.#stallAfter;
    if (partition.idleFor < this.#stallAfter || !isDue) return;
    // consumers that wait for their turn are not counted
    const { ready, consumers } = (await broker.queueDepth(partition.queue)) ?? { ready: 0, consumers: 0 };
    suspicion.askedAt = clock.elapsed();
    // the first time, messages may have arrived just now
    const isSuspected = suspicion.hadReady && ready > 0 && partition.idleFor >= this.#stallAfter;
    suspicion.hadReady = ready > 0 && !isSuspected;
    if (!isSuspected) return;
    if ((partition.isActive || consumers === 0) && !suspicion.isStalled) {
      suspicion.isStalled = true;
      this.#report(partition.queue, suspicion, 'A partition has messages and delivers none; replacing its channel');
    }
    suspicion.reconnectedAt = clock.elapsed();
    partition.reconnect();
  }

  #report(queue: string, suspicion: Suspicion, message: string): void {
    const { worker, logger, metrics } = this.options;
    suspicion.stalls += 1;
    metrics.partitionStalled.inc({ worker, queue });
    logger.warn(message, { queue, stalls: suspicion.stalls });
  }

  #reportHotSubject(queue: string): void {
    const { worker, subjects, metrics } = this.options;
    const { messages, subjects: found } = subjects.of(queue);
    const hottest = messages < FEWEST_MESSAGES ? 0 : (found[0]?.count ?? 0);
    metrics.hotSubject.set({ worker, queue }, hottest / Math.max(1, messages));
  }

  /** Partitions that are not consumed any more, because their number was changed. */
  #forgetOthers(partitions: readonly PartitionConsumer[]): void {
    const queues = new Set(partitions.map(({ queue }) => queue));
    for (const queue of this.#suspicions.keys()) {
      if (queues.has(queue)) continue;
      this.#suspicions.delete(queue);
      this.options.metrics.hotSubject.remove({ worker: this.options.worker, queue });
    }
  }

  #suspicionOf(queue: string): Suspicion {
    let suspicion = this.#suspicions.get(queue);
    if (suspicion === undefined) {
      suspicion = { askedAt: -Infinity, reconnectedAt: Infinity, hadReady: false, isStalled: false, stalls: 0 };
      this.#suspicions.set(queue, suspicion);
      this.options.metrics.partitionStalled.inc({ worker: this.options.worker, queue }, 0);
    }
    return suspicion;
  }
}
