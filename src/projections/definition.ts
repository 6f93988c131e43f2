import type { EventEnvelope } from '../events/envelope.js';
import type { Definitions } from '../events/definitions.js';
import { unwrapDefinition, type Opaque } from '../opaque.js';
import type { Sql } from '../store/store.js';

/** The context of a projection's handler: SQL in the transaction that also moves the checkpoint. The names of the
 *  projection's own tables refer to the generation being written: the live one, or one being built. */
export interface ProjectionTx {
  sql: Sql;
}

export type ProjectionHandler = (event: EventEnvelope, tx: ProjectionTx) => Promise<void>;

/** A projection as the runtime sees it, with erased types. */
export interface ProjectionDefinition {
  readonly name: string;
  /** Incremented with every change of the tables or of the handlers. */
  readonly version: number;
  readonly definitions: Definitions;
  /** The statements that create each table, by table name. */
  readonly tables: Readonly<Record<string, string>>;
  /** The types and patterns that it handles. */
  readonly patterns: readonly string[];
  /** The handler of each type. */
  readonly handlerOf: ReadonlyMap<string, ProjectionHandler>;
}

/** A read model derived from the events of a store. */
export type Projection = Opaque<'projection'>;

/** Distinguishes projections from workers. */
export function isProjection(part: Opaque<'projection' | 'worker'>): part is Projection {
  return 'tables' in (unwrapDefinition(part) as object);
}

export function projectionDefinitionOf(projection: Projection): ProjectionDefinition {
  return unwrapDefinition(projection) as ProjectionDefinition;
}
