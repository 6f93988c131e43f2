declare const kind: unique symbol;

type Kind = 'worker' | 'projection' | 'saga';

/** What users hold of a worker, projection or saga: its name. Its definition is internal to the library. */
export interface Opaque<K extends Kind> {
  readonly name: string;
  /** Exists only in types: a projection is not accepted in place of a worker. */
  readonly [kind]: K;
}

/** A registered symbol: a command line and a fleet may each have loaded a copy of the library. */
const DEFINITION = Symbol.for('flotilla.definition');

/** The value that users get for a definition. */
export function wrapDefinition<T extends Opaque<Kind>, D extends { readonly name: string }>(definition: D): T {
  return { name: definition.name, [DEFINITION]: definition } as object as T;
}

/** The definition behind a value that `wrapDefinition` returned; the caller knows its type. */
export function unwrapDefinition(wrapped: Opaque<Kind>): unknown {
  return (wrapped as { [DEFINITION]?: unknown })[DEFINITION];
}
