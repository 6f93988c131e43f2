import type { WorkerNames } from './names.js';
import type { Sample } from './sample-data.js';

/** The first version of a worker: it keeps what it sees in a table of its own. */
export function workerSource({ name, table }: WorkerNames, { type }: Sample, catalogue: CatalogueImport): string {
  return `import { ${catalogue.variable} } from '${catalogue.from}';

/** Keeps every ${type} that it sees; each once, because its inbox row is committed with what is written here. */
export default ${catalogue.variable}.defineWorker({
  name: '${name}',
  migrations: [
    {
      name: '${table}',
      sql: \`create table ${table}_seen (event_id text primary key, time text not null);\`,
    },
  ],
  on: {
    '${type}': (event, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql\`insert into ${table}_seen (event_id, time) values (\${event.id}, \${event.time})\`;
      });
    },
  },
});
`;
}

/** A test of that worker, on which the next ones can be modelled. */
export function testSource({ name, variable, table }: WorkerNames, { type, data }: Sample): string {
  return `import { expect } from 'chai';
import { harness, type TestEvent } from 'flotilla/testing';
import ${variable} from '../../workers/${name}/index.js';

const event: TestEvent = {
  id: 'event-1',
  type: '${type}',
  data: ${literal(data, '  ')},
};

describe('worker ${name}', () => {
  it('keeps each ${type} once', async () => {
    const { outcome } = await harness(${variable})
      .given(event)
      .when(event)
      .result(async (store) => {
        const rows = await store.query<{ event_id: string }>\`select event_id from ${table}_seen\`;
        expect(rows.map(({ event_id }) => event_id)).to.deep.equal(['event-1']);
      });
    expect(outcome).to.equal('duplicate');
  });
});
`;
}

/** How the fleet's catalogue is imported by a worker. */
export interface CatalogueImport {
  variable: string;
  from: string;
}

/** A value as it is written in TypeScript, an object's fields on lines of their own. */
function literal(value: unknown, indent: string): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => literal(item, deeper));
    if (!items.some((item) => item.includes('\n'))) return `[${items.join(', ')}]`;
    return `[\n${items.map((item) => `${deeper}${item},\n`).join('')}${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => `${deeper}${keyOf(key)}: ${literal(field, deeper)},\n`);
    return fields.length === 0 ? '{}' : `{\n${fields.join('')}${indent}}`;
  }
  return typeof value === 'string' ? quoted(value) : String(value);
}

function keyOf(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function quoted(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return text.includes("'") && !text.includes('"') ? `"${inner}"` : `'${inner.replaceAll("'", "\\'")}'`;
}
