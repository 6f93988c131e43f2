import { FlotillaError } from '../errors.js';
import { upcast } from '../events/decode.js';
import type { EventEnvelope } from '../events/envelope.js';
import { failpoint } from '../failpoints.js';
import type { Store, Tx } from '../store/store.js';
import type { StoredEvent } from '../store/stored-event.js';
import { checkpointOf, generationSql } from './tables/physical-names.js';
import { isTransient, poisonOf, type PoisonEvent } from './poison.js';
import type { ProjectionDefinition, ProjectionHandler } from './definition.js';
import { isSkipped } from './tables/skips.js';

/** Events per transaction: 600 statements hold the write lock for about 5 ms. */
export const EVENTS_PER_TRANSACTION = 200;

/** The result of a step. */
export interface Step {
  /** The new checkpoint. */
  position: number;
  /** Number of handled events. */
  handled: number;
  /** Skipped events that failed again and were passed over. */
  passedOver: PoisonEvent[];
  /** The event that stops the model. */
  poison?: PoisonEvent;
}

export interface ModelWriterOptions {
  generation: number;
  /** Runs first in each transaction. Throws `projection.conflict` if the generation must no longer be written. */
  guard: (tx: Tx) => Promise<void>;
  /** Receives the events of each committed batch. */
  onHandled?: (events: readonly EventEnvelope[]) => void;
}

/** Advances one generation of a model. Each transaction contains the writes of the handlers and moves the checkpoint
 *  from the position that was read: if two processes write the same model, one is rolled back with
 *  `projection.conflict`. */
export class ModelWriter {
  readonly checkpoint: string;
  readonly #types: string[];
  readonly #sql: ReturnType<typeof generationSql>;

  constructor(
    private readonly store: Store,
    private readonly definition: ProjectionDefinition,
    private readonly options: ModelWriterOptions,
  ) {
    this.checkpoint = checkpointOf(definition.name, options.generation);
    this.#types = [...definition.handlerOf.keys()];
    this.#sql = generationSql(Object.keys(definition.tables), options.generation);
  }

  position(): Promise<number> {
    return this.store.checkpoint(this.checkpoint);
  }

  /** Handles at most one batch of events after `from`, up to `upTo`, and commits. If the projection handles none of
   *  them, only the checkpoint moves. Stops before an event that cannot be handled, unless the event is recorded as
   *  skipped. Throws `projection.conflict` and errors of the store. */
  async step(from: number, upTo = Infinity): Promise<Step> {
    const head = Math.min(await this.store.head(), upTo);
    if (head <= from) return { position: from, handled: 0, passedOver: [] };
    const page = await this.store.readAll(from, EVENTS_PER_TRANSACTION, { type: this.#types });
    const events = page.filter(({ position }) => position <= head);
    // the page is not full or exceeds `upTo`: no more events for this projection up to the head
    const whole = page.length < EVENTS_PER_TRANSACTION || events.length < page.length;
    const step = await this.#take(from, events, whole ? head : undefined);
    if (step.poison !== undefined || !whole || step.position >= head) return step;
    await this.#commit(step.position, head, []);
    return { ...step, position: head };
  }

  /** Tries all events in one transaction. If that fails, handles those before the failing event in one transaction, and
   *  the failing event in a separate one. `head`: the position to which the last transaction moves the checkpoint. */
  async #take(from: number, events: readonly StoredEvent[], head?: number): Promise<Step> {
    const done: Step = { position: from, handled: 0, passedOver: [] };
    let left = events;
    let size = events.length;
    while (left.length > 0) {
      const batch = left.slice(0, size);
      const last = batch.at(-1);
      if (last === undefined) break;
      const to = batch.length === left.length ? (head ?? last.position) : last.position;
      const failure = await this.#attempt(done.position, to, batch);
      if (failure === undefined) {
        done.position = to;
        done.handled += batch.length;
        left = left.slice(batch.length);
        size = left.length;
      } else if (batch.length > 1) {
        // unknown if only the commit failed
        size = failure.culprit === undefined ? 1 : Math.max(1, failure.culprit);
      } else {
        const poison = poisonOf(last, failure.error);
        if (!(await isSkipped(this.store.query, this.definition.name, last.id))) return { ...done, poison };
        await this.#commit(done.position, last.position, []);
        done.position = last.position;
        done.passedOver.push(poison);
        left = left.slice(1);
        size = left.length;
      }
    }
    return done;
  }

  /** Returns undefined when committed. Otherwise nothing is committed, and one of the events has caused the failure. */
  async #attempt(
    from: number,
    to: number,
    batch: readonly StoredEvent[],
  ): Promise<{ error: unknown; culprit?: number } | undefined> {
    const ready: Ready[] = [];
    for (const [index, stored] of batch.entries()) {
      try {
        const event = upcast(this.definition.definitions, stored.event);
        const handle = this.definition.handlerOf.get(event.type);
        if (handle !== undefined) ready.push({ event, handle, index });
      } catch (error) {
        return { error, culprit: index };
      }
    }
    const at: { index?: number } = {};
    try {
      await this.#commit(from, to, ready, at);
      this.options.onHandled?.(ready.map(({ event }) => event));
      return undefined;
    } catch (error) {
      if (isTransient(error)) throw error;
      return { error, ...(at.index !== undefined && { culprit: at.index }) };
    }
  }

  /** One transaction. Sets `at.index` to the index of the event whose handler threw. */
  async #commit(from: number, to: number, ready: readonly Ready[], at: { index?: number } = {}): Promise<void> {
    await this.store.transaction(async (tx) => {
      await this.options.guard(tx);
      // before the handlers: one that writes the rows of another process again fails as if the event were the cause
      if (!(await tx.moveCheckpoint(this.checkpoint, from, to))) {
        throw new FlotillaError('projection.conflict', this.definition.name);
      }
      const sql = this.#sql(tx.sql);
      for (const { event, handle, index } of ready) {
        at.index = index;
        await handle(event, { sql });
      }
      delete at.index;
      failpoint('projection.applied');
    });
    failpoint('projection.committed');
  }
}

interface Ready {
  event: EventEnvelope;
  handle: ProjectionHandler;
  index: number;
}
