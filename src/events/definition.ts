import type { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { piiPaths } from './personal.js';

/** An event states a fact; a command asks for one thing and is handled by exactly one worker. */
export type MessageKind = 'event' | 'command';

/** Schemas by version: whole numbers from 1 on. */
export type Versions = Readonly<Record<number, z.ZodType>>;

/** What a type of the catalogue is: its kind, its schemas, and how old data becomes new data. */
export interface MessageDefinition<Data = unknown, Kind extends MessageKind = MessageKind> {
  readonly kind: Kind;
  readonly latest: number;
  readonly versions: Versions;
  readonly upcasters: Readonly<Record<number, (data: never) => unknown>>;
  /** Paths of fields marked `pii`, dotted, of the latest version; `*` stands for any element. */
  readonly pii: readonly string[];
  /** The sources outside the fleet that may publish it without a signature. */
  readonly outside?: readonly string[];
  /** The type of the data of the latest version; exists in types only. */
  readonly data?: Data;
}

/** Every version but the last has one: it takes that version's data and gives the next one's. */
type Upcasters<V extends Versions, U extends keyof V> = { readonly [K in U]: (data: z.infer<V[K]>) => unknown };

/** The data of the version that nothing upcasts. */
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

/** Declares an event by its schemas: `event({ 1: v1, 2: v2 }, { 1: fromV1ToV2 })`. Schemas neither transform nor
 *  default. Throws `contract.bad_versions` when a version or an upcaster is missing. */
export function event<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, 'event'> {
  return define<V, U, 'event'>('event', versions, upcasters);
}

/** Declares a command; otherwise as `event`. */
export function command<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, 'command'> {
  return define<V, U, 'command'>('command', versions, upcasters);
}

/** Allows publishers outside the fleet to send a message of this type, without the fleet's key, under these values of
 *  `source`. None of them may be a service of the fleet. */
export function fromOutside<D extends MessageDefinition>(definition: D, ...sources: [string, ...string[]]): D {
  return { ...definition, outside: sources };
}
