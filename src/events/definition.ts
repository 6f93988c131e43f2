import type { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { piiPaths } from './personal.js';

/** The kind of a message. An event states a fact; a command requests an action and is handled by exactly one worker. */
export type MessageKind = 'event' | 'command';

/** Schemas by version: whole numbers from 1. */
export type Versions = Readonly<Record<number, z.ZodType>>;

/** The definition of a message type: its kind, its schemas, and the conversion of old data to the latest version. */
export interface MessageDefinition<Data = unknown, Kind extends MessageKind = MessageKind> {
  readonly kind: Kind;
  readonly latest: number;
  readonly versions: Versions;
  readonly upcasters: Readonly<Record<number, (data: never) => unknown>>;
  /** Dotted paths of the fields of the latest version that are marked `pii`; `*` matches any element or key. */
  readonly pii: readonly string[];
  /** The external sources that may publish it without a signature. */
  readonly outside?: readonly string[];
  /** The type of the latest version's data; exists at compile time only. */
  readonly data?: Data;
}

/** Upcasters by version: each converts the data of its version to the next. Every version but the last has one. */
type Upcasters<V extends Versions, U extends keyof V> = { readonly [K in U]: (data: z.infer<V[K]>) => unknown };

/** The data of the latest version, which has no upcaster. */
type LatestData<V extends Versions, U extends keyof V> = z.infer<V[Exclude<keyof V, U>]>;

function define<V extends Versions, U extends keyof V, K extends MessageKind>(
  kind: K,
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, K> {
  const latest = Object.keys(versions).length;
  for (let version = 1; version <= latest; version++) {
    const last = version === latest;
    if (versions[version] === undefined || (!last && upcasters?.[version as U] === undefined)) {
      throw new FlotillaError('contract.bad_versions', `version ${version} of ${latest}`);
    }
  }
  const schema = versions[latest];
  return {
    kind,
    latest,
    versions,
    upcasters: upcasters ?? {},
    pii: schema === undefined ? [] : piiPaths(schema),
  };
}

/** Declares an event by its schemas: `event({ 1: v1, 2: v2 }, { 1: fromV1ToV2 })`. Schemas must not contain
 *  transforms or defaults. Throws `contract.bad_versions` when a version or an upcaster is missing. */
export function event<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, 'event'> {
  return define<V, U, 'event'>('event', versions, upcasters);
}

/** Declares a command. Parameters and errors as in `event`. */
export function command<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, 'command'> {
  return define<V, U, 'command'>('command', versions, upcasters);
}

/** Allows publishers outside the fleet to send messages of this type without the fleet's key, under these values of
 *  `source`. None of the sources may be a service of the fleet. */
export function fromOutside<D extends MessageDefinition>(definition: D, ...sources: [string, ...string[]]): D {
  return { ...definition, outside: sources };
}
