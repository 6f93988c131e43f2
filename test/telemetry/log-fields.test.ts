import { readFileSync, globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';
import { LOG_FIELDS } from '../../src/telemetry/log-fields.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const METHODS = new Set(['error', 'warn', 'info', 'debug', 'log', 'child', 'failed', 'recovered']);

/** The names of the fields that a file of the library passes to a logger, each with the file. */
function fieldsIn(file: string): [field: string, where: string][] {
  const source = ts.createSourceFile(file, readFileSync(`${root}${file}`, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: [string, string][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { name, expression } = node.expression;
      if (
        METHODS.has(name.text) &&
        /(^|[.#])(log|logger|logged|limited|[fF]aults?|failures|renewals|losses|ends|stops|unconfirmed|of\(\w+\))$/.test(
          expression.getText(),
        )
      ) {
        for (const argument of node.arguments.filter((each) => ts.isObjectLiteralExpression(each))) {
          for (const { name: field } of argument.properties) if (field) found.push([field.getText(), file]);
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

describe('log fields', () => {
  it('are all listed in LOG_FIELDS', () => {
    const used = globSync('{src,workers}/**/*.ts', { cwd: root }).flatMap(fieldsIn);
    expect(used.length).to.be.above(60);
    const unknown = used.filter(([field]) => !(field in LOG_FIELDS) && field !== 'traceparent');
    expect(unknown, 'add them to src/telemetry/log-fields.ts and docs/operations/logging.md').to.deep.equal([]);
  });

  it('are documented with their meaning', () => {
    const documented = readFileSync(`${root}docs/operations/logging.md`, 'utf8');
    for (const [field, [name, meaning]] of Object.entries(LOG_FIELDS)) {
      expect(documented).to.contain(`| \`${field}\` | \`${name}\` | ${meaning} |`);
    }
  });
});
