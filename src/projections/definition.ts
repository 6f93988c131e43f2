import type { EventEnvelope } from '../events/envelope.js';
import type { Definitions } from '../events/definitions.js';
import { unwrapDefinition, type Opaque } from '../opaque.js';
import type { Sql } from '../store/store.js';

/** The context of a projection's handler: SQL inside the transaction that also moves the checkpoint. The names of the
 *  projection's own tables refer to the generation that is being written, the live one or one that is being built. */
export interface ProjectionTx {
  sql: Sql;
}

export type ProjectionHandler = (event: EventEnvelope, tx: ProjectionTx) => Promise<void>;

/** A projection as the runtime sees it: types erased. */
export interface ProjectionDefinition {
  readonly name: string;
  /** Incremented with every change of the tables or of what is written to them. */
  readonly version: number;
  readonly definitions: Definitions;
  /** The statements that create each table, by the table's name. */
  readonly tables: Readonly<Record<string, string>>;
  /** The types and patterns that it handles. */
  readonly patterns: readonly string[];
  /** The handler of each type. */
  readonly handlerOf: ReadonlyMap<string, ProjectionHandler>;
}

/** A read model that follows from the events of a store. */
export type Projection = Opaque<'projection'>;

/** Tells the projections among the parts of a fleet that have tables. */
export function isProjection(part: Opaque<'projection' | 'worker'>): part is Projection {
  return 'tables' in (unwrapDefinition(part) as object);
}

export function projectionDefinitionOf(projection: Projection): ProjectionDefinition {
  return unwrapDefinition(projection) as ProjectionDefinition;
}
