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
import { windowsDefiner, type DefineWindows } from '../windows/define-windows.js';
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

/** The message types of a fleet, and the functions that they type. */
export interface Catalogue<D extends Definitions> {
  readonly definitions: D;
  /** Every type's name. */
  readonly types: readonly TypeName<D>[];
  readonly defineWorker: DefineWorker<D>;
  readonly defineProjection: DefineProjection<D>;
  readonly defineSaga: DefineSaga<D>;
  readonly defineWindows: DefineWindows<D>;
  /** Types a decider by the events that it may decide: `decider('order.created', 'order.cancelled')({ … })`. */
  readonly decider: <const T extends TypeName<D>>(
    ...events: readonly T[]
  ) => <State, Command>(
    decider: Omit<Decider<State, Command, Decided<D, T>>, 'events'>,
  ) => Decider<State, Command, Decided<D, T>>;
  /** Executes a command on the aggregate `id` in a transaction and resolves with the new state:
   *  `platform.execute(tx, order, id, command, { origin })`. Rejects with the error of `decide`, or with
   *  `store.conflict` (a `ConflictError`) if the aggregate is not at `expectedVersion`. */
  readonly execute: <State, Command, Event extends EventOf<D>>(
    tx: CommandTx,
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
    options: ExecuteOptions,
  ) => Promise<Loaded<State>>;
  /** Executes a command in its own transaction, and decides again after a concurrent append. With a `commandId` it is
   *  idempotent. */
  readonly executeOnStore: <State, Command, Event extends EventOf<D>>(
    store: CommandStore,
    decider: Decider<State, Command, Event>,
    id: string,
    command: Command,
    options?: ExecuteOnStoreOptions,
  ) => Promise<ExecutedOnStore<State>>;
  /** Resolves with the current state of the aggregate `id`, from its latest snapshot and the events after it. */
  readonly load: <State, Command, Event extends EventOf<D>>(
    reader: AggregateReader,
    decider: Decider<State, Command, Event>,
    id: string,
  ) => Promise<Loaded<State>>;
  /** Returns the state of an aggregate from its events; with `from`, starts from that state and applies the following
   *  events. */
  readonly rehydrate: <State, Command, Event extends EventOf<D>>(
    decider: Decider<State, Command, Event>,
    events: readonly StoredEvent[],
    from?: Loaded<State>,
  ) => Loaded<State>;
  /** Creates an event and validates its data strictly. Throws `contract.invalid_data`. */
  readonly create: <T extends TypeName<D>>(type: T, data: DataOf<D, T>, context: EventContext) => UnsequencedEvent;
  /** Parses and validates a message body. Throws a `contract.*` error. */
  readonly decode: (body: Uint8Array, contentType?: string) => EventEnvelope;
}

/** The context of a handler of this catalogue, for functions that handlers share:
 *  `ContextOf<typeof platform, 'order.created'>`, with the types that the worker emits, the type of `ctx.use` and the
 *  events of the worker's `aggregates`. An application usually declares `Context` next to its catalogue:
 *  `export type Context<Emits extends EventType = never, Use = undefined> = ContextOf<typeof platform, Emits, Use>`. */
export type ContextOf<
  C extends { readonly definitions: Definitions },
  Emits extends TypeName<C['definitions']> = never,
  Use = undefined,
  Decides extends TypeName<C['definitions']> = never,
> = Context<C['definitions'], Emits, Use, Decides>;

/** Creates a catalogue of message types that extends `parent`. Throws `contract.duplicate_type` or
 *  `contract.bad_type_name`. */
export function catalogue<B extends Definitions, const D extends Definitions>(
  parent: { readonly definitions: B },
  definitions: D & { [K in keyof D]: K extends keyof B ? 'this type is already in the catalogue' : D[K] },
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
    defineWindows: windowsDefiner(definitions),
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

/** The catalogue that every other one extends: the messages of the fleet itself. */
export const baseCatalogue: Catalogue<BaseDefinitions> = catalogueOf(base);
