import type { Delivery, StreamEntry } from '../../broker/broker.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { messageOf } from '../../errors.js';
import {
  consumeStream,
  type ConsumerSession,
  type StreamConsumerState,
} from '../../event-log/consumers/stream-consumer.js';
import { BEFORE_FIRST, positionOf, type LogPosition } from '../../event-log/positions/position.js';
import { newestEntry } from '../../event-log/reading/log-bounds.js';
import { eventIn } from '../../events/event-in.js';
import { definitionOf } from '../../events/definitions.js';
import { isBound, routeOf } from '../definition/queues.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import type { PreparedWorker } from '../prepare.js';
import { DeliveryBuffer } from './delivery-buffer.js';
import { Settlement } from './settlement.js';

/** A worker's consumer of the stream. */
export interface DeliveryFeed {
  state: () => StreamConsumerState;
  /** Stops deliveries. */
  cancel(): Promise<void>;
  /** Resumes deliveries, optionally with another limit. */
  resume(prefetch?: number): Promise<void>;
  /** Stores the checkpoint, and lets another replica take over. */
  close(): Promise<void>;
}

const SAVE_INTERVAL_MS = 200;
/** While there is no room, the limits are checked at this interval even if nothing was settled. */
const ROOM_CHECK_INTERVAL_MS = 2_000;
/** Maximum distance from the first unsettled entry to the last one read. A terminated process may have started this
 *  many entries, so this many count as redelivered. */
const MAX_UNSETTLED_SPAN = 2_000;

/** Delivers the stream to a worker with `from: 'log'`, one entry at a time and in one process at a time. The checkpoint
 *  follows the settled entries; an unsettled entry is delivered again, here or by the next leader: at-least-once
 *  delivery. Failed messages wait in the retry queues of the worker, as for every worker. */
export function feedDeliveries(worker: PreparedWorker, onDelivery: (delivery: Delivery) => void): DeliveryFeed {
  let limit = worker.definition.prefetch;
  let isRunning = true;
  let buffer: DeliveryBuffer | undefined;
  const { state, stop } = consumeStream(
    { ...worker, stream: worker.names.log, worker: worker.definition.name },
    async (session) => {
      const feeding = new FeedSession(session, worker, onDelivery, { limit, isRunning });
      buffer = feeding.buffer;
      await feeding.run().finally(() => (buffer = undefined));
    },
  );
  return {
    state,
    async cancel() {
      isRunning = false;
      buffer?.pause();
    },
    async resume(prefetch = limit) {
      limit = prefetch;
      isRunning = true;
      buffer?.resume(prefetch);
    },
    close: stop,
  };
}

/** Delivers entries while this process leads. */
class FeedSession {
  readonly buffer: DeliveryBuffer;
  readonly #wakeup = new Wakeup();
  readonly #fault: FaultLog;
  #settlement = new Settlement(undefined);
  #saving: Promise<void> | undefined;
  /** The number of coming entries that a terminated process may have started. */
  #possiblyRedelivered = MAX_UNSETTLED_SPAN;

  constructor(
    private readonly session: ConsumerSession,
    private readonly worker: PreparedWorker,
    onDelivery: (delivery: Delivery) => void,
    { limit, isRunning }: { limit: number; isRunning: boolean },
  ) {
    this.#fault = new FaultLog(worker.logger);
    const queue = worker.names.queue(worker.definition.name);
    this.buffer = new DeliveryBuffer(limit, isRunning, { queue, onDelivery, onRoom: () => this.#wakeup.notify() });
  }

  async run(): Promise<void> {
    const { signal } = this.session;
    const wake = () => this.#wakeup.notify();
    signal.addEventListener('abort', wake);
    const saving = setInterval(() => this.#save(), SAVE_INTERVAL_MS);
    try {
      const from = await this.#start();
      for await (const part of this.session.follow({ from, batchSize: this.worker.definition.prefetch })) {
        if (part.kind === 'broken') {
          this.session.alarms.raise(part.broken, 'this worker has not handled them: replay to it what its inbox lacks');
          if (part.broken.kind === 'reset') this.#settlement = new Settlement(BEFORE_FIRST);
        }
        if (part.kind !== 'entries') continue;
        for (const entry of part.entries) if (!(await this.#accept(entry))) break;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      clearInterval(saving);
      await this.#saving;
      this.#save();
      await this.#saving;
      this.buffer.end();
    }
  }

  /** Returns the position to continue from; undefined to begin with the first entry. */
  async #start(): Promise<LogPosition | undefined> {
    const { broker, names, definition } = this.worker;
    let position = this.session.checkpoint;
    if (position === undefined && definition.offset === 'next') {
      const newest = await newestEntry(broker, names.log);
      position = newest === undefined ? BEFORE_FIRST : positionOf(newest);
    }
    this.#settlement = new Settlement(position);
    this.session.reportOffset(position ?? BEFORE_FIRST);
    return position;
  }

  /** Waits for room and accepts an entry; false once this process no longer leads. */
  async #accept(entry: StreamEntry): Promise<boolean> {
    const { metrics, definition } = this.worker;
    const { name, prefetch } = definition;
    const { signal } = this.session;
    const verdict = classify(definition, entry);
    const isFull = () =>
      this.#settlement.size >= MAX_UNSETTLED_SPAN || (verdict === 'deliver' && this.buffer.size >= prefetch);
    while (!signal.aborted && isFull()) await this.#wakeup.wait(ROOM_CHECK_INTERVAL_MS);
    if (signal.aborted || !this.session.isLeading()) return false;
    const position = positionOf(entry);
    if (verdict === 'invalid') metrics.logPassedOver.inc({ worker: name });
    if (verdict === 'deliver') this.buffer.add(entry, this.#possiblyRedelivered > 0, this.#settlement.add(position));
    else this.#settlement.skip(position);
    this.#possiblyRedelivered -= 1;
    return true;
  }

  #save(): void {
    const { position } = this.#settlement;
    if (position === undefined || position === this.session.checkpoint || !this.session.isLeading()) return;
    this.#saving ??= this.#moveCheckpoint(position).finally(() => (this.#saving = undefined));
  }

  async #moveCheckpoint(position: LogPosition): Promise<void> {
    try {
      await this.session.moveCheckpoint(position);
      this.#fault.recovered('Checkpoint of the log stored again');
    } catch (error) {
      this.#fault.failed('Checkpoint of the log not stored; retrying', { error: messageOf(error) });
    }
  }
}

/** An event of an unknown type that the worker binds is delivered, to be quarantined. A stream entry that is not an event is
 *  not delivered: it also reaches the queues whose bindings match its routing key, and is dead-lettered there. */
function classify(definition: WorkerDefinition, entry: StreamEntry): 'deliver' | 'ignore' | 'invalid' {
  const event = eventIn(entry);
  if (event === undefined) return 'invalid';
  const { type } = event;
  const isUnknown = definitionOf(definition.definitions, type) === undefined && isBound(definition, type);
  return isUnknown || routeOf(definition, type) === 'handled' ? 'deliver' : 'ignore';
}
