declare const kind: unique symbol;

type Kind = 'worker' | 'projection' | 'saga' | 'windows';

/** The public handle of a worker, projection, saga or window computation: its name. The definition behind it is internal to the library. */
export interface Opaque<K extends Kind> {
  readonly name: string;
  /** Exists only in types: a projection is not accepted in place of a worker. */
  readonly [kind]: K;
}

/** A registered symbol, because the command line and a fleet may each load a copy of the library. */
const DEFINITION = Symbol.for('flotilla.definition');

/** Wraps a definition in the value that users receive. */
export function wrapDefinition<T extends Opaque<Kind>, D extends { readonly name: string }>(definition: D): T {
  return { name: definition.name, [DEFINITION]: definition } as object as T;
}

/** Returns the definition behind a value that `wrapDefinition` created; the caller knows its type. */
export function unwrapDefinition(wrapped: Opaque<Kind>): unknown {
  return (wrapped as { [DEFINITION]?: unknown })[DEFINITION];
}
