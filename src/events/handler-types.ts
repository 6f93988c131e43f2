import type { MessageDefinition } from './definition.js';
import type { DataOf, Definitions } from './definitions.js';
import type { EventEnvelope } from './envelope.js';
import { isWildcard, matches, type Matching } from './patterns.js';

export type TypeName<D extends Definitions> = keyof D & string;

/** The types that wildcards can match: events, never commands. */
type EventName<D extends Definitions> = {
  [T in TypeName<D>]: D[T] extends MessageDefinition<unknown, 'event'> ? T : never;
}[TypeName<D>];

type HandledBy<D extends Definitions, P extends string> = P extends TypeName<D> ? P : Matching<P, EventName<D>>;

type Envelopes<D extends Definitions, T extends TypeName<D>> = T extends unknown
  ? EventEnvelope<T, DataOf<D, T>>
  : never;

/** The data of one version of an event type. */
type VersionData<D extends Definitions, T extends EventName<D>, N extends string> =
  D[T] extends MessageDefinition<unknown, 'event', infer DataByVersion>
    ? N extends `${infer V extends keyof DataByVersion & number}`
      ? DataByVersion[V]
      : never
    : never;

/** An event in the version of a handler's key; never for an unknown type or version. */
type EventInVersion<D extends Definitions, T extends string, N extends string> =
  T extends EventName<D>
    ? [VersionData<D, T, N>] extends [never]
      ? never
      : EventEnvelope<T, VersionData<D, T, N>>
    : never;

/** The events that a handler of `Pattern` receives: the union of the matching types, or one version of a type
 *  (`order.created@1`). `#` receives the plain envelope. */
export type EventFor<D extends Definitions, P extends string> = P extends '#'
  ? EventEnvelope
  : P extends `${infer T}@${infer N}`
    ? EventInVersion<D, T, N>
    : Envelopes<D, HandledBy<D, P>>;

/** Replaces the handler type where no type matches, so that the compiler error names the pattern. */
export interface NoTypeMatches<Pattern extends string> {
  'no event type of the catalogue matches this pattern, or it has no such version': Pattern;
}

/** A handler of the events that `Pattern` matches, with a context. */
export type Handler<D extends Definitions, P extends string, C> = P extends '#'
  ? (event: EventEnvelope, ctx: C) => Promise<void> | void
  : [EventFor<D, P>] extends [never]
    ? NoTypeMatches<P>
    : (event: EventFor<D, P>, ctx: C) => Promise<void> | void;

/** Returns the types of the catalogue that a handler's pattern matches. */
export function typesMatching(definitions: Definitions, pattern: string): string[] {
  return Object.keys(definitions).filter((type) => matchesType(definitions, pattern, type));
}

/** Whether a handler's pattern matches a type. Wildcards match events only. */
export function matchesType(definitions: Definitions, pattern: string, type: string): boolean {
  return pattern === type || (isWildcard(pattern) && definitions[type]?.kind === 'event' && matches(pattern, type));
}
