import { globSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { program } from '../../scripts/reference/cli.js';
import { serverProblems } from '../../scripts/reference/http.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { errors } from '../../src/errors.js';
import { LOG_FIELDS } from '../../src/telemetry/log-fields.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { FAULTS } from './support/faults.js';
import {
  callsIn,
  codesOf,
  dottedNames,
  isBeginningOf,
  quotedLogMessages,
  refusedPart,
  textsOf,
  underscoredNames,
} from './support/page-references.js';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const filesIn = (pattern: string) => globSync(pattern, { cwd: fileURLToPath(root) });
const pages = readdirSync(new URL('docs/operations/', root)).map((name) => `docs/operations/${name}`);

const sources = filesIn('{src,platform,workers}/**/*.ts').map((path) => ({ path, texts: textsOf(read(path)) }));
const texts = sources.flatMap((source) => source.texts);
/** Names that an application or an event type declares. */
const declared = sources
  .filter(({ path }) => /^(platform|workers|src\/events)\//.test(path))
  .flatMap((source) => source.texts.filter(({ length }) => length === 1).flat());

const dotted = new Set([
  ...Object.keys(errors),
  ...serverProblems().map(({ code }) => code),
  ...Object.values(LOG_FIELDS).map(([name]) => name),
  ...Object.values(namesFor('')).filter((name) => typeof name === 'string'),
  ...declared,
]);
const metrics = createMetrics({ process: true, build: { service: '', version: '' } }).registry;
const metricNames = metrics.getMetricsAsArray().map(({ name }) => name);
const tables = texts.flatMap((parts) => [...parts.join(' ').matchAll(/CREATE TABLE (flotilla_\w+)/g)]);
const underscored = new Set([...metricNames, ...tables.map(([, name]) => name)]);

const cli = await program();

/** Error codes, metrics and calls of a page that the product does not have. */
function unknownNames(page: string): string[] {
  return codesOf(page).flatMap((code) => [
    ...dottedNames(code.text).filter((name) => !dotted.has(name)),
    ...underscoredNames(code.text).filter((name) => !underscored.has(name.replace(/_(bucket|sum|count)$/, ''))),
    ...callsIn(code, cli).flatMap((call) => refusedPart(cli, call) ?? []),
  ]);
}

function unknownMessages(page: string): string[] {
  return quotedLogMessages(page).filter((message) => !texts.some((parts) => isBeginningOf(message, parts)));
}

describe('the pages for operators', () => {
  for (const page of pages) {
    it(`${page} names only error codes, metrics and commands that exist`, () => {
      expect(unknownNames(read(page))).to.deep.equal([]);
    });

    it(`${page} quotes only log entries that the sources contain`, () => {
      expect(unknownMessages(read(page))).to.deep.equal([]);
    });
  }

  it('would be refused with a name, an option or a log entry that does not exist', () => {
    const page = [
      'It ends with `store.brim_full`, `flotilla_brims_total` counts, `topology guess` and `flotilla dead list --brim` help.',
      'The log has `the store is full to the brim`; then run',
      '```sh',
      'flotilla sagas list --status brim    # or --status failed',
      'flotilla stores accept payment orders',
      '```',
    ].join('\n');
    expect(unknownNames(page)).to.have.members([
      'store.brim_full',
      'flotilla_brims_total',
      'guess',
      '--brim',
      '--status brim',
      'stores accept payment orders',
    ]);
    expect(unknownMessages(page)).to.deep.equal(['the store is full to the brim']);
  });

  it('quote the log entries that show the end of a fault', () => {
    const quoted = pages.flatMap((page) => quotedLogMessages(read(page)));
    expect(quoted).to.include.members([
      'connected to the broker',
      'the broker accepts publishes again',
      'store payment: commits recovered',
      'Circuit breaker closed; consuming resumed',
      'relay: the broker accepts this type again',
    ]);
  });

  it('the runbook has a section for each fault, with the remedy and the sign of its end', () => {
    const sections = read('docs/operations/runbook.md').split(/^## /m);
    for (const [fault, title] of Object.entries(FAULTS)) {
      const section = sections.find((text) => text.startsWith(`${title}\n`));
      expect(section, fault)
        .to.match(/\bRemedy\b/)
        .and.match(/\*\*Over when\*\*/);
    }
  });
});
