import { expect } from 'chai';
import ts from 'typescript';
import { catalogueIn, declarationsIn, handlersIn } from '../../../../src/cli/commands/new/source/declarations.js';
import { addImport, addProperty, applyEdits } from '../../../../src/cli/commands/new/source/edits.js';

const parse = (text: string) => ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);

/** The text after a property is added to the first object in it. */
function withProperty(text: string): string {
  const source = parse(text);
  let object: ts.ObjectLiteralExpression | undefined;
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) object ??= node;
    ts.forEachChild(node, visit);
  };
  visit(source);
  if (object === undefined) throw new Error('no object');
  return applyEdits(text, [addProperty(ts, object, 'b: 2')]);
}

describe('a change of a source', () => {
  for (const [what, before, after] of [
    ['an empty object', 'f({});', 'f({\n  b: 2,\n});'],
    ['an object on one line', '  f({ a: 1 }, 3);', '  f({\n    a: 1,\n    b: 2,\n  }, 3);'],
    ['several lines', 'f({\n  a: 1,\n});', 'f({\n  a: 1,\n  b: 2,\n});'],
    ['several lines without a last comma', 'f({\n  a: 1\n});', 'f({\n  a: 1,\n  b: 2,\n});'],
    ['a comment after the last line', 'f({\n  a: 1, // one\n});', 'f({\n  a: 1, // one\n  b: 2,\n});'],
    ['a comment without a last comma', 'f({\n  a: 1 // one\n});', 'f({\n  a: 1, // one\n  b: 2,\n});'],
  ] as const) {
    it(`adds a property to ${what}`, () => expect(withProperty(before)).to.equal(after));
  }

  for (const [what, before, after] of [
    ['that is there', `import { event } from 'flotilla';\n`, `import { event } from 'flotilla';\n`],
    ['between others', `import { a, z } from 'flotilla';\n`, `import { a, event, z } from 'flotilla';\n`],
    ['after others', `import { a } from 'flotilla';\n`, `import { a, event } from 'flotilla';\n`],
    ['of another module', `import { a } from 'b';\n`, `import { event } from 'flotilla';\nimport { a } from 'b';\n`],
    [
      'beside a type',
      `import type { a } from 'flotilla';\n`,
      `import { event } from 'flotilla';\nimport type { a } from 'flotilla';\n`,
    ],
    ['as a namespace', `import * as event from 'flotilla';\n`, `import * as event from 'flotilla';\n`],
  ] as const) {
    it(`imports a name ${what}`, () => {
      expect(applyEdits(before, addImport(ts, parse(before), 'event', 'flotilla'))).to.equal(after);
    });
  }

  it('finds types, also those of other publishers, and nothing that only looks like one', () => {
    const source = parse(`
      const types = { 'a.b': event({ 1: v }), 'a.c': fromOutside(command({ 1: v, 2: w }, { 1: up }), 'x'), 'a.d': other };
      const more = { 'a.e': event(versions), 'a.f': event({ 1: v }, upcasters), g: event({ 1: v }) };
    `);
    expect(declarationsIn(ts, source).map(({ type, upcasters }) => [type, upcasters?.getText()])).to.deep.equal([
      ['a.b', undefined],
      ['a.c', '{ 1: up }'],
    ]);
  });

  it('finds the types of the catalogue and the handlers of a worker', () => {
    expect(catalogueIn(ts, parse(`const p = catalogue(base, { ...a });`))?.getText()).to.equal('{ ...a }');
    expect(catalogueIn(ts, parse(`const p = other({ ...a });`))).to.equal(undefined);
    const worker = parse(`export default p.defineWorker({ name: 'a', on: { 'a.b': () => undefined } });`);
    expect(handlersIn(ts, worker)?.getText()).to.equal(`{ 'a.b': () => undefined }`);
    expect(handlersIn(ts, parse(`const on = { on: { a: 1 } };`))).to.equal(undefined);
  });
});
