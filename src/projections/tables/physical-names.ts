import type { Sql, SqlValue } from '../../store/store.js';
import type { ProjectionDefinition } from '../definition.js';

/** The statement that creates an index, up to its name. */
export const INDEX = /\b(create\s+(?:unique\s+)?index\s+(?:if\s+not\s+exists\s+)?)(\w+)/gi;

/** Literals and comments, in which a table name has no meaning. */
const TEXT = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//;

/** SQL without literals and comments. */
export function withoutText(sql: string): string {
  return sql.replace(new RegExp(TEXT, 'g'), ' ');
}

/** The physical name of a table: each generation of a model has its own tables, and the plain name is a view. */
export function physicalName(table: string, generation: number): string {
  return `${table}__${generation}`;
}

/** The checkpoint of a generation of a model. */
export function checkpointOf(projection: string, generation: number): string {
  return `projection:${projection}:${generation}`;
}

/** The owner of the migrations that create the generations of a model. */
export function projectionMigrationOwner(projection: string): string {
  return `projection:${projection}`;
}

/** The statements that create the tables and indexes of a generation. */
export function statementsOf({ tables }: Pick<ProjectionDefinition, 'tables'>, generation: number): string {
  const rename = renamer(Object.keys(tables), generation);
  return Object.values(tables)
    .map((sql) =>
      rename(sql.replace(INDEX, (_, create: string, index: string) => create + physicalName(index, generation))),
    )
    .map((sql) => (sql.trimEnd().endsWith(';') ? sql : `${sql};`))
    .join('\n');
}

function renamer(tables: readonly string[], generation: number): (sql: string) => string {
  const names = new RegExp(`${TEXT.source}|\\b(${tables.join('|')})\\b`, 'gi');
  return (sql) =>
    sql.replace(names, (found, table?: string) =>
      table === undefined ? found : physicalName(table.toLowerCase(), generation),
    );
}

/** SQL in which the plain names of a projection's tables refer to one generation. Each template is rewritten once per
 *  place in the source, so that the store reuses its prepared statement. */
export function generationSql(tables: readonly string[], generation: number): (sql: Sql) => Sql {
  const rename = renamer(tables, generation);
  const known = new WeakMap<TemplateStringsArray, TemplateStringsArray>();
  const rewritten = (text: TemplateStringsArray): TemplateStringsArray => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = template(text.map(rename));
    known.set(text, made);
    return made;
  };
  return (sql) =>
    <Row extends object = Record<string, SqlValue>>(text: TemplateStringsArray, ...values: SqlValue[]) =>
      sql<Row>(rewritten(text), ...values);
}

/** A template whose names are known only at run time; the values between the strings remain parameters. */
export function template(strings: readonly string[]): TemplateStringsArray {
  return Object.assign([...strings], { raw: strings });
}
