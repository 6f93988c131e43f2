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

/** Events that share a transaction: 600 statements hold the write lock for some 5 ms. */
export const EVENTS_PER_TRANSACTION = 200;

/** The result of a step. */
export interface Step {
  /** The checkpoint now. */
  position: number;
  /** Events that were handled. */
  handled: number;
  /** Events that failed again and were passed over, as an operator has decided. */
  passedOver: PoisonEvent[];
  /** The event that stops it. */
  poison?: PoisonEvent;
}

export interface ModelWriterOptions {
  generation: number;
  /** Runs first in each transaction. Throws `projection.conflict` if the generation must not be written any more. */
  guard: (tx: Tx) => Promise<void>;
}

/**
 * Brings one generation of a model forward. Each transaction contains the writes of the handlers and moves the checkpoint
 * from where it was read: of two processes that write the same model one is rolled back, with `projection.conflict`.
 */
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

  /** Handles the events after `from`, at most a batch of them and none after `upTo`, and commits. If none of them is for this
   *  projection, only the checkpoint moves. Stops before an event that cannot be handled, unless it is recorded as skipped.
   *  Throws `projection.conflict` and what the store throws. */
  async step(from: number, upTo = Infinity): Promise<Step> {
    const head = Math.min(await this.store.head(), upTo);
    if (head <= from) return { position: from, handled: 0, passedOver: [] };
    const page = await this.store.readAll(from, EVENTS_PER_TRANSACTION, { type: this.#types });
    const events = page.filter(({ position }) => position <= head);
    // a page that is not full, or goes beyond: there is nothing more for this projection up to the head
    const whole = page.length < EVENTS_PER_TRANSACTION || events.length < page.length;
    const step = await this.#take(from, events);
    if (step.poison !== undefined || !whole || step.position >= head) return step;
    await this.#commit(step.position, head, []);
    return { ...step, position: head };
  }

  /** All of them in one transaction; if that fails, those before the failing event in one, and that event by itself. */
  async #take(from: number, events: readonly StoredEvent[]): Promise<Step> {
    const done: Step = { position: from, handled: 0, passedOver: [] };
    let left = events;
    let size = events.length;
    while (left.length > 0) {
      const batch = left.slice(0, size);
      const last = batch.at(-1);
      if (last === undefined) break;
      const failure = await this.#attempt(done.position, last.position, batch);
      if (failure === undefined) {
        done.position = last.position;
        done.handled += batch.length;
        left = left.slice(batch.length);
        size = left.length;
      } else if (batch.length > 1) {
        // the failing event is not known if only the commit has failed
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

  /** Undefined when it is committed; otherwise nothing is, and one of the events has caused the failure. */
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
      return undefined;
    } catch (error) {
      if (isTransient(error)) throw error;
      return { error, ...(at.index !== undefined && { culprit: at.index }) };
    }
  }

  /** One transaction. `at` has the index of the event whose handler threw. */
  async #commit(from: number, to: number, ready: readonly Ready[], at: { index?: number } = {}): Promise<void> {
    await this.store.transaction(async (tx) => {
      await this.options.guard(tx);
      const sql = this.#sql(tx.sql);
      for (const { event, handle, index } of ready) {
        at.index = index;
        await handle(event, { sql });
      }
      delete at.index;
      if (!(await tx.moveCheckpoint(this.checkpoint, from, to))) {
        throw new FlotillaError('projection.conflict', this.definition.name);
      }
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
