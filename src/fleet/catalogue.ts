import type { Decided, Decider } from '../aggregates/decider.js';
import { executeCommand, type CommandTx, type ExecuteOptions } from '../aggregates/execute.js';
import {
  executeOnStore,
  type CommandStore,
  type ExecutedOnStore,
  type ExecuteOnStoreOptions,
} from '../aggregates/execute-on-store.js';
import { loadAggregate, rehydrate, type AggregateReader, type Loaded } from '../aggregates/load.js';
import { createEvent } from '../events/create.js';
import { decodeEvent } from '../events/decode.js';
import { base, joinDefinitions, type BaseDefinitions, type DataOf, type Definitions } from '../events/definitions.js';
import type { EventContext, EventEnvelope, UnsequencedEvent } from '../events/envelope.js';
import type { StoredEvent } from '../store/stored-event.js';
import { projectionDefiner, type DefineProjection } from '../projections/define-projection.js';
import { sagaDefiner } from '../sagas/definition/define-saga.js';
import type { DefineSaga } from '../sagas/definition/types.js';
import { workerDefiner } from '../worker/definition/define-worker.js';
import type { TypeName } from '../events/handler-types.js';
import type { Context } from '../worker/definition/options.js';
import type { DefineWorker } from '../worker/definition/worker-definition.js';

interface EventOf<D extends Definitions> {
  type: TypeName<D>;
  data: unknown;
}

/** The message types of a fleet, and every function that they type. */
export interface Catalogue<D extends Definitions> {
  readonly definitions: D;
  /** Every type's name. */
  readonly types: readonly TypeName<D>[];
  readonly defineWorker: DefineWorker<D>;
  readonly defineProjection: DefineProjection<D>;
  readonly defineSaga: DefineSaga<D>;
  /** Types a decider by the events it may decide: `decider('order.created', 'order.cancelled')({ … })`. */
  readonly decider: <const T extends TypeName<D>>(
    ...events: readonly T[]
  ) => <State, Command>(
    decider: Omit<Decider<State, Command, Decided<D, T>>, 'events'>,
  ) => Decider<State, Command, Decided<D, T>>;
  /**
   * Executes a command on the aggregate `id` within a transaction and resolves with the state after it:
   * `platform.execute(tx, order, id, command, { origin })`. Throws what `decide` throws, or `store.conflict` (a
   * `ConflictError`) when the aggregate is not at `expectedVersion`.
   */
  readonly execute: <State, Command, Event extends EventOf<D>>(
    tx: CommandTx,
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
    options: ExecuteOptions,
  ) => Promise<Loaded<State>>;
  /** Executes a command in a transaction of its own and decides again after a concurrent append. With a `commandId` it is
   *  idempotent. */
  readonly executeOnStore: <State, Command, Event extends EventOf<D>>(
    store: CommandStore,
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
    options?: ExecuteOnStoreOptions,
  ) => Promise<ExecutedOnStore<State>>;
  /** The state of the aggregate `id` now, from its latest snapshot and the events after it. */
  readonly load: <State, Command, Event extends EventOf<D>>(
    reader: AggregateReader,
    decider: Decider<State, Command, Event>,
    id: string,
  ) => Promise<Loaded<State>>;
  /** The state of an aggregate from its events; with `from`, from those that follow it. */
  readonly rehydrate: <State, Command, Event extends EventOf<D>>(
    decider: Decider<State, Command, Event>,
    events: readonly StoredEvent[],
    from?: Loaded<State>,
  ) => Loaded<State>;
  /** A new event, checked strictly. Throws `contract.invalid_data`. */
  readonly create: <T extends TypeName<D>>(type: T, data: DataOf<D, T>, context: EventContext) => UnsequencedEvent;
  /** Reads a message body. Throws a `contract.*` error. */
  readonly decode: (body: Uint8Array, contentType?: string) => EventEnvelope;
}

/**
 * The context of a handler of this catalogue, for functions that handlers share: `ContextOf<typeof platform,
 * 'order.created'>`, with the types that the worker emits, the type of `ctx.use` and the events of the worker's `aggregates`. A value has no type members in
 * TypeScript, so that an application declares `Context` beside its catalogue:
 * `export type Context<Emits extends EventType = never, Use = undefined> = ContextOf<typeof platform, Emits, Use>`.
 */
export type ContextOf<
  C extends { readonly definitions: Definitions },
  Emits extends TypeName<C['definitions']> = never,
  Use = undefined,
  Decides extends TypeName<C['definitions']> = never,
> = Context<C['definitions'], Emits, Use, Decides>;

/** Makes a catalogue of types, on top of another one or of nothing. Throws `contract.duplicate_type` or
 *  `contract.bad_type_name`. */
export function catalogue<B extends Definitions, const D extends Definitions>(
  parent: { readonly definitions: B },
  definitions: D & { [K in keyof D]: K extends keyof B ? 'this type is in the catalogue already' : D[K] },
): Catalogue<B & D> {
  const joined = joinDefinitions(parent.definitions, definitions) as B & D;
  return catalogueOf(joined);
}

function catalogueOf<D extends Definitions>(definitions: D): Catalogue<D> {
  return {
    definitions,
    types: Object.keys(definitions),
    defineWorker: workerDefiner(definitions),
    defineProjection: projectionDefiner(definitions),
    defineSaga: sagaDefiner(definitions),
    decider:
      (...events) =>
      (decider) => ({ ...decider, events }),
    execute: (tx, decider, id, command, options) => executeCommand(tx, definitions, decider, id, command, options),
    executeOnStore: (store, decider, id, command, options) =>
      executeOnStore(store, definitions, decider, id, command, options),
    load: (reader, decider, id) => loadAggregate(reader, definitions, decider, id),
    rehydrate: (decider, events, from) => rehydrate(definitions, decider, events, from),
    create: (type, data, context) => createEvent(definitions, type, data, context),
    decode: (body, contentType) => decodeEvent(definitions, { body, properties: { contentType } }),
  };
}

/** What every catalogue begins with: what the fleet itself has to say. */
export const baseCatalogue: Catalogue<BaseDefinitions> = catalogueOf(base);
