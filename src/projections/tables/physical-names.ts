import type { Sql, SqlValue } from '../../store/store.js';
import type { ProjectionDefinition } from '../definition.js';

/** The statement that makes an index, up to its name. */
export const INDEX = /\b(create\s+(?:unique\s+)?index\s+(?:if\s+not\s+exists\s+)?)(\w+)/gi;

/** Literals and comments: what is called there like a table is none. */
const TEXT = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//;

/** Only what SQL takes for names and words. */
export function withoutText(sql: string): string {
  return sql.replace(new RegExp(TEXT, 'g'), ' ');
}

/** A table as it is on the disk: each generation of a model has tables of its own, and the plain name is a view. */
export function physicalName(table: string, generation: number): string {
  return `${table}__${generation}`;
}

/** The checkpoint of a generation of a model. */
export function checkpointOf(projection: string, generation: number): string {
  return `projection:${projection}:${generation}`;
}

/** The statements that make the tables and indexes of a generation. */
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

/** SQL in which the plain names of a projection's tables mean those of one generation. A template is rewritten once,
 *  wherever it stands in the source, so that the store finds the statement it has prepared for it. */
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

/** The strings of a template whose names are known only now; what stands between them stays a parameter. */
export function template(strings: readonly string[]): TemplateStringsArray {
  return Object.assign([...strings], { raw: strings });
}
