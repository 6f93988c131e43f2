import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { typesMatching, type Handler, type NoTypeMatches } from '../events/handler-types.js';
import { bySpecificity, isAmbiguous } from '../events/patterns.js';
import { wrapDefinition } from '../opaque.js';
import { isPlainName } from '../text/plain-name.js';
import { INDEX, withoutText } from './tables/physical-names.js';
import type { Projection, ProjectionDefinition, ProjectionHandler, ProjectionTx } from './definition.js';

export interface ProjectionOptions<D extends Definitions, P extends string> {
  /** Lower-case letters, digits and dashes. */
  name: string;
  /** From 1. Increment it with every change of the tables or of the handlers. A model built by another version stays
   *  readable and is not updated until it is rebuilt. */
  version: number;
  /** The statements that create each table and its indexes, by table name, and nothing else. Each table has a primary
   *  key; the name of each index begins with the name of its table; no column has the name of a table, in the SQL of
   *  `on` either. */
  tables: Readonly<Record<string, string>>;
  /** Handlers by type or topic pattern; the most specific one handles an event. They await only `sql`, depend only on
   *  events and tables (no clock, no random numbers), and may run more than once: their transaction also moves the
   *  checkpoint. */
  on: { readonly [K in P]: K extends `${string}@${string}` ? NoTypeMatches<K> : Handler<D, K, ProjectionTx> };
}

/** `defineProjection` of a catalogue. */
export type DefineProjection<D extends Definitions> = <const P extends string>(
  options: ProjectionOptions<D, P>,
) => Projection;

/** Leaves space for the generation in PostgreSQL's limit of 63 characters. */
const TABLE_NAME = /^(?!flotilla_)[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const MAX_NAME_LENGTH = 50;

/** Returns the `defineProjection` of a catalogue. It throws `projection.bad_definition` for mistakes that the compiler
 *  does not detect. */
export function projectionDefiner<D extends Definitions>(definitions: D): DefineProjection<D> {
  return ({ name, version, tables, on }) => {
    const fail = (detail: string) => new FlotillaError('projection.bad_definition', `${name}: ${detail}`);
    if (!isPlainName(name) || name.length > MAX_NAME_LENGTH)
      throw fail('the name must consist of lower-case letters, digits and single dashes');
    if (!Number.isSafeInteger(version) || version < 1) throw fail('the version must be a whole number, 1 or more');
    checkTables(tables, fail);
    const handlerOf = dispatchTable(definitions, on, fail);
    const definition: ProjectionDefinition = {
      name,
      version,
      definitions,
      tables,
      patterns: Object.keys(on),
      handlerOf,
    };
    return wrapDefinition(definition);
  };
}

function checkTables(tables: ProjectionDefinition['tables'], fail: (detail: string) => Error): void {
  if (Object.keys(tables).length === 0) throw fail('it has no tables');
  for (const [table, sql] of Object.entries(tables)) {
    const text = withoutText(sql);
    if (!TABLE_NAME.test(table) || table.length > MAX_NAME_LENGTH) throw fail(`${table} is not a valid table name`);
    if (!new RegExp(`create\\s+table\\s+(if\\s+not\\s+exists\\s+)?${table}\\b`, 'i').test(text)) {
      throw fail(`the statements of ${table} do not create it`);
    }
    if (keyOf(sql).length === 0) throw fail(`${table} has no primary key`);
    const indexes = [...text.matchAll(INDEX)];
    for (const [, , index = ''] of indexes) {
      // index names are unique in the whole store
      if (index.length > MAX_NAME_LENGTH || !index.startsWith(`${table}_`) || index in tables) {
        throw fail(`${index} is not a valid index name: it must begin with ${table}_`);
      }
    }
    if ((text.match(/\bcreate\b/gi) ?? []).length !== 1 + indexes.length) {
      throw fail(`the statements of ${table} create more than the table and indexes with plain names`);
    }
    const column = Object.keys(tables).find((each) => isColumn(each, text));
    if (column !== undefined) throw fail(`in ${table} a column has the name of the table ${column}`);
  }
}

/** Whether the name of a table occurs where SQL allows only a column. */
function isColumn(name: string, sql: string): boolean {
  return new RegExp(`(?<!\\b(table|exists|on|references)\\s+"?)\\b${name}\\b(?!"?\\s*\\.)`, 'i').test(sql);
}

/** The columns of the primary key that a table's statements declare. */
export function keyOf(statements: string): string[] {
  const sql = withoutText(statements);
  const several = /\bprimary\s+key\s*\(([^)]*)\)/i.exec(sql)?.[1];
  if (several !== undefined) return several.split(',').map((column) => column.trim().replaceAll('"', ''));
  const single = /[(,]\s*"?(\w+)"?\s[^,]*?\bprimary\s+key\b/i.exec(sql)?.[1];
  return single === undefined ? [] : [single];
}

/** The compiler has checked the handlers against the catalogue; from here on they accept any event. */
function dispatchTable<D extends Definitions>(
  definitions: D,
  on: Readonly<Record<string, unknown>>,
  fail: (detail: string) => Error,
): Map<string, ProjectionHandler> {
  const patterns = Object.keys(on).sort(bySpecificity);
  if (patterns.length === 0) throw fail('it has no handlers');
  const table = new Map<string, { pattern: string; handle: ProjectionHandler }>();
  for (const pattern of patterns) {
    const types = typesMatching(definitions, pattern);
    if (types.length === 0) throw fail(`no type matches the pattern ${pattern}`);
    const handle = on[pattern] as ProjectionHandler;
    for (const type of types) {
      const known = table.get(type);
      if (known === undefined) table.set(type, { pattern, handle });
      else if (isAmbiguous(known.pattern, pattern)) {
        throw fail(`${type} is handled by ${known.pattern} and ${pattern}, neither more specific`);
      }
    }
  }
  return new Map([...table].map(([type, { handle }]) => [type, handle]));
}
