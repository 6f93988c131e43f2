import type { WorkerNames } from './names.js';
import type { Sample } from './sample-data.js';

/** The first version of a worker: it stores the events it handles in a table of its own. */
export function workerSource(
  { name, table }: WorkerNames,
  samples: readonly Sample[],
  catalogue: CatalogueImport,
): string {
  const handlers = samples.map(
    ({ pattern }) => `    '${pattern}': (event, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql\`insert into ${table}_seen (event_id, time) values (\${event.id}, \${event.time})\`;
      });
    },
`,
  );
  return `import { ${catalogue.variable} } from '${catalogue.from}';

/** Stores each event once: the row is committed in the transaction that marks the event as handled. */
export default ${catalogue.variable}.defineWorker({
  name: '${name}',
  migrations: [
    {
      name: '${table}',
      sql: \`create table ${table}_seen (event_id text primary key, time text not null);\`,
    },
  ],
  on: {
${handlers.join('')}  },
});
`;
}

/** A test of that worker, on which the next ones can be modelled. */
export function testSource({ name, variable, table }: WorkerNames, samples: readonly Sample[]): string {
  const events = samples.map(({ type, data }, index) => literal({ id: `event-${index + 1}`, type, data }, '  '));
  return `import { expect } from 'chai';
import { harness, type TestEvent } from 'flotilla/testing';
import ${variable} from '../../workers/${name}/index.js';

const events: TestEvent[] = [
${events.map((event) => `  ${event},\n`).join('')}];

describe('worker ${name}', () => {
  for (const event of events) {
    it(\`stores a repeated \${event.type} once\`, async () => {
      const { outcome } = await harness(${variable})
        .given(event)
        .when(event)
        .result(async (store) => {
          const rows = await store.query<{ event_id: string }>\`select event_id from ${table}_seen\`;
          expect(rows.map(({ event_id }) => event_id)).to.deep.equal([event.id]);
        });
      expect(outcome).to.equal('duplicate');
    });
  }
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
