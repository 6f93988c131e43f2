import { isPersonal } from '../../events/personal.js';
import { fieldSteps, schemaFields, type SchemaField } from '../../events/schema-fields.js';
import type { DescribedVersion } from '../describe-fleet.js';
import { table } from './elements.js';
import { markup, type Content, type Markup } from './markup.js';

interface Cell {
  type: string;
  notes: readonly string[];
  description: string;
}

/** The fields of all versions, with a column for each version, which marks what the version adds, changes or removes. */
export function fieldsByVersion(versions: readonly DescribedVersion[]): Markup {
  const columns = versions.map(cellsOf);
  // in the order of the newest version, followed by fields of earlier ones
  const paths = new Set([...columns].reverse().flatMap((cells) => [...cells.keys()]));
  return table(
    'Fields by version',
    ['Field', ...versions.map(({ version }) => `Version ${version}`)],
    [...paths].map((path) => [
      markup`<code>${path === '' ? 'data' : path}</code>`,
      ...columns.map((cells, index) => contentOf(cells.get(path), columns[index - 1]?.get(path), index > 0)),
    ]),
  );
}

function cellsOf({ schema }: DescribedVersion): Map<string, Cell> {
  const personal = Array.isArray(schema['x-pii']) ? schema['x-pii'].map(String) : [];
  const notesOf = ({ path, required }: SchemaField) => [
    ...(required ? [] : ['optional']),
    ...(isPersonal(fieldSteps(path), personal) ? ['personal'] : []),
  ];
  return new Map(
    schemaFields(schema).map((field) => [
      field.path,
      { type: field.type, notes: notesOf(field), description: field.description },
    ]),
  );
}

function contentOf(cell: Cell | undefined, before: Cell | undefined, hasBefore: boolean): Content {
  if (cell === undefined) return before === undefined ? '–' : markup`<strong class="removed">removed</strong>`;
  const { type, notes, description } = cell;
  const isSame = before !== undefined && before.type === type && before.notes.join() === notes.join();
  const mark = before === undefined ? 'added' : 'changed';
  return [
    hasBefore && !isSame && markup`<strong class="${mark}">${mark}</strong> `,
    markup`<code>${type}</code>`,
    notes.map((note) => `, ${note}`),
    description !== '' && markup`<br>${description}`,
  ];
}
