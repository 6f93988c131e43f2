import type { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { piiPaths } from './personal.js';

/** The kind of a message. An event states a fact; a command requests an action and is handled by exactly one worker. */
export type MessageKind = 'event' | 'command';

/** Schemas by version: consecutive whole numbers, from 1 unless the first versions are retired. */
export type Versions = Readonly<Record<number, z.ZodType>>;

/** The definition of a message type: its kind, its schemas, and the conversion of old data to the latest version. */
export interface MessageDefinition<Data = unknown, Kind extends MessageKind = MessageKind, DataByVersion = unknown> {
  readonly kind: Kind;
  /** The oldest version; those before it are retired. */
  readonly first: number;
  readonly latest: number;
  readonly versions: Versions;
  readonly upcasters: Readonly<Record<number, (data: never) => unknown>>;
  /** The oldest version whose readers may read a version, for each version that declares it. */
  readonly readableFrom: Readonly<Record<number, number>>;
  /** Dotted paths of the fields of the latest version that are marked `pii`; `*` matches any element or key. */
  readonly pii: readonly string[];
  /** The external sources that may publish it without a signature. */
  readonly outside?: readonly string[];
  /** The type of the latest version's data; exists at compile time only. */
  readonly data?: Data;
  /** The types of the data by version; exists at compile time only. */
  readonly dataByVersion?: DataByVersion;
}

/** Upcasters by version: each converts the data of its version to the next. Every version but the last has one. A result
 *  without a required field is a compile-time error. */
type Upcasters<V extends Versions, U extends keyof V> = {
  readonly [K in U]: (data: z.infer<V[K]>) => Fields<z.infer<V[Successors[K & number] & keyof V]>>;
};

/** `[1, 2, 3, …]`: at each index, the version after it. */
type Successors<N extends readonly number[] = []> = N['length'] extends 100
  ? N
  : Successors<[...N, [...N, number]['length'] & number]>;

/** The fields of an object. Any string is accepted in place of an enum, because the compiler widens the `'kg'` in
 *  `{ unit: 'kg' }` that a function returns; the check of the samples refuses others. */
type Fields<T> = { [K in keyof T]: T[K] extends string ? string : T[K] extends number ? number : unknown };

/** The data of each version. */
type DataByVersion<V extends Versions> = { readonly [K in keyof V]: z.infer<V[K]> };

/** The data of the latest version, which has no upcaster. */
type LatestData<V extends Versions, U extends keyof V> = z.infer<V[Exclude<keyof V, U>]>;

function define<V extends Versions, U extends keyof V, K extends MessageKind>(
  kind: K,
  versions: V,
  upcasters?: Upcasters<V, U>,
  readableFrom: Readonly<Record<number, number>> = {},
): MessageDefinition<LatestData<V, U>, K, DataByVersion<V>> {
  const { first, latest } = rangeOf(versions, upcasters ?? {});
  checkReadableFrom(readableFrom, versions);
  const schema = versions[latest];
  return {
    kind,
    first,
    latest,
    versions,
    upcasters: upcasters ?? {},
    readableFrom,
    pii: schema === undefined ? [] : piiPaths(schema),
  };
}

/** The first and the latest version. Throws `contract.bad_versions` unless there is a schema for each version between
 *  them, and an upcaster for each but the latest. */
function rangeOf(versions: Versions, upcasters: object): { first: number; latest: number } {
  const fail = (detail: string) => new FlotillaError('contract.bad_versions', detail);
  const numbers = Object.keys(versions).map(Number);
  const [first = 0, latest = 0] = [Math.min(...numbers), Math.max(...numbers)];
  if (numbers.length === 0) throw fail('there is no version');
  if (!Number.isSafeInteger(first) || first < 1) throw fail(`${first} is not a version`);
  for (let version = first; version <= latest; version++) {
    if (versions[version] === undefined) throw fail(`version ${version} of ${latest} is missing`);
    if (version < latest && !(version in upcasters)) throw fail(`version ${version} of ${latest} has no upcaster`);
  }
  const other = Object.keys(upcasters).find((version) => !(Number(version) >= first && Number(version) < latest));
  if (other !== undefined) throw fail(`the upcaster of version ${other} converts to no version`);
  return { first, latest };
}

function checkReadableFrom(readableFrom: Readonly<Record<number, number>>, versions: Versions): void {
  for (const [version, from] of Object.entries(readableFrom)) {
    const fail = (detail: string) =>
      new FlotillaError('contract.bad_readable_from', `{ ${version}: ${from} }, but ${detail}`);
    if (versions[Number(version)] === undefined) throw fail(`there is no version ${version}`);
    if (!Number.isSafeInteger(from) || from < 1 || from >= Number(version)) {
      throw fail(`${from} is not a version before ${version}`);
    }
  }
}

/** The options of an event type. */
export interface EventOptions {
  /** `{ 2: 1 }`: workers that read version 1 or later, but not 2, may read version 2 as the newest version that they
   *  know, and ignore the rest. `flotilla schemas check` verifies that their schemas accept it; that they may ignore the
   *  rest is for you to decide. @default older workers do not read a newer version */
  readonly readableFrom?: Readonly<Record<number, number>>;
}

/** Declares an event by its schemas: `event({ 1: v1, 2: v2 }, { 1: fromV1ToV2 })`. Schemas must not contain
 *  transforms or defaults. Version 1 is retired in `event({ 2: v2, 3: v3 }, { 2: fromV2ToV3 })`. Throws
 *  `contract.bad_versions` when a version or an upcaster is missing, and `contract.bad_readable_from` when `readableFrom`
 *  names no earlier version. */
export function event<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
  { readableFrom }: EventOptions = {},
): MessageDefinition<LatestData<V, U>, 'event', DataByVersion<V>> {
  return define<V, U, 'event'>('event', versions, upcasters, readableFrom);
}

/** Declares a command. Parameters and errors as in `event`. */
export function command<const V extends Versions, U extends keyof V = never>(
  versions: V,
  upcasters?: Upcasters<V, U>,
): MessageDefinition<LatestData<V, U>, 'command', DataByVersion<V>> {
  return define<V, U, 'command'>('command', versions, upcasters);
}

/** Allows publishers outside the fleet to send messages of this type without the fleet's key, under these values of
 *  `source`. None of the sources may be a service of the fleet. */
export function fromOutside<D extends MessageDefinition>(definition: D, ...sources: [string, ...string[]]): D {
  return { ...definition, outside: sources };
}
