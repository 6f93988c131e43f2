import type { Decided, Decider } from '../aggregates/decider.js';
import { createEvent } from '../events/create.js';
import { decodeEvent } from '../events/decode.js';
import { base, joinDefinitions, type BaseDefinitions, type DataOf, type Definitions } from '../events/definitions.js';
import type { EventContext, EventEnvelope, UnsequencedEvent } from '../events/envelope.js';
import { projectionDefiner, type DefineProjection } from '../projections/definition.js';
import { sagaDefiner } from '../sagas/define.js';
import type { DefineSaga } from '../sagas/types.js';
import { workerDefiner } from '../worker/definition/define-worker.js';
import type { TypeName } from '../events/handler.js';
import type { DefineWorker } from '../worker/definition/worker-definition.js';

/** What a fleet can say, and everything that is typed by it. */
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
  /** A new event, checked strictly. Throws `contract.invalid_data`. */
  readonly create: <T extends TypeName<D>>(type: T, data: DataOf<D, T>, context: EventContext) => UnsequencedEvent;
  /** Reads a message body. Throws a `contract.*` error. */
  readonly decode: (body: Uint8Array, contentType?: string) => EventEnvelope;
}

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
    create: (type, data, context) => createEvent(definitions, type, data, context),
    decode: (body, contentType) => decodeEvent(definitions, { body, properties: { contentType } }),
  };
}

/** What every catalogue begins with: what the fleet itself has to say. */
export const baseCatalogue: Catalogue<BaseDefinitions> = catalogueOf(base);
