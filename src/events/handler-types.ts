import type { MessageDefinition } from './definition.js';
import type { DataOf, Definitions } from './definitions.js';
import type { EventEnvelope } from './envelope.js';
import { isWildcard, matches, type Matching } from './patterns.js';

export type TypeName<D extends Definitions> = keyof D & string;

/** The types that wildcards match: events, never commands. */
type EventName<D extends Definitions> = {
  [T in TypeName<D>]: D[T] extends MessageDefinition<unknown, 'event'> ? T : never;
}[TypeName<D>];

type HandledBy<D extends Definitions, P extends string> = P extends TypeName<D> ? P : Matching<P, EventName<D>>;

type Envelopes<D extends Definitions, T extends TypeName<D>> = T extends unknown
  ? EventEnvelope<T, DataOf<D, T>>
  : never;

/** What a handler of `Pattern` receives: the union of all it matches. `#` gets the plain envelope. */
export type EventFor<D extends Definitions, P extends string> = P extends '#'
  ? EventEnvelope
  : Envelopes<D, HandledBy<D, P>>;

/** In place of a handler where the pattern is wrong: the compiler names it. */
export interface NoTypeMatches<Pattern extends string> {
  'no event type of the catalogue matches this pattern': Pattern;
}

/** A function of the events that `Pattern` matches and of a context. */
export type Handler<D extends Definitions, P extends string, C> = P extends '#'
  ? (event: EventEnvelope, ctx: C) => Promise<void> | void
  : [HandledBy<D, P>] extends [never]
    ? NoTypeMatches<P>
    : (event: EventFor<D, P>, ctx: C) => Promise<void> | void;

/** The types of the catalogue that a handler's pattern matches. */
export function typesMatching(definitions: Definitions, pattern: string): string[] {
  return Object.keys(definitions).filter((type) => matchesType(definitions, pattern, type));
}

/** Whether a handler's pattern matches a type: wildcards match events only. */
export function matchesType(definitions: Definitions, pattern: string, type: string): boolean {
  return pattern === type || (isWildcard(pattern) && definitions[type]?.kind === 'event' && matches(pattern, type));
}
