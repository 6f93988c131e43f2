import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { checkCatalogue, publishedSchemas } from '../../src/contracts/gate.js';
import { addRetired, readRetired, retiredVersionsOf, type RetiredVersion } from '../../src/contracts/retired.js';
import { event } from '../../src/events/definition.js';
import type { Definitions } from '../../src/events/definitions.js';

const v1 = z.strictObject({ total: z.int(), size: z.string() });
const v2 = z.strictObject({ total: z.int() });
const both = { 'order.created': event({ 1: v1, 2: v2 }, { 1: ({ total }) => ({ total }) }) };
const committed = { schemas: publishedSchemas(both), samples: [] };
const retired: RetiredVersion[] = [
  { type: 'order.created', version: 1, date: '2026-11-29', checked: { messages: 0, places: [], processes: 0 } },
];

const rulesOf = (definitions: Definitions, versions?: RetiredVersion[]) =>
  checkCatalogue(definitions, committed, versions).findings.map(({ rule, version, field }) => [rule, version, field]);

describe('a retired version', () => {
  it('may be absent from the catalogue', () => {
    const second = { 'order.created': event({ 2: v2 }) };
    expect(rulesOf(second)).to.deep.equal([['version-removed', 1, '']]);
    expect(checkCatalogue(second, committed, retired)).to.deep.include({ findings: [], compared: 1 });
  });

  it('is compared while the catalogue has it, and does not permit the removal of its type', () => {
    const changed = {
      'order.created': event({ 1: v1.extend({ size: z.int() }), 2: v2 }, { 1: ({ total }) => ({ total }) }),
    };
    expect(rulesOf(changed, retired)).to.deep.equal([['type-changed', 1, 'size']]);
    expect(rulesOf({}, retired)).to.deep.equal([
      ['type-removed', 1, ''],
      ['type-removed', 2, ''],
    ]);
  });

  it('reserves the names of its fields', () => {
    const reusing = { 'order.created': event({ 2: v2.extend({ size: z.int().optional() }) }) };
    expect(rulesOf(reusing, retired)).to.deep.equal([['field-name-reused', 2, 'size']]);
    const same = { 'order.created': event({ 2: v2.extend({ size: z.string().optional() }) }) };
    expect(rulesOf(same, retired)).to.deep.equal([]);
  });

  it('is recorded in a file, sorted, which is checked when it is read', async () => {
    const root = await mkdtemp(join(tmpdir(), 'flotilla-retired-'));
    try {
      expect(await readRetired(root)).to.deep.equal([]);
      await mkdir(join(root, 'schemas'));
      const [first] = retired;
      if (first === undefined) return;
      for (const added of [{ ...first, version: 2 }, first, { ...first, type: 'a.b' }]) await addRetired(root, added);
      const read = await readRetired(root);
      expect(read.map(({ type, version }) => `${type} ${version}`)).to.deep.equal([
        'a.b 1',
        'order.created 1',
        'order.created 2',
      ]);
      expect(retiredVersionsOf(read, 'order.created')).to.deep.equal([1, 2]);
      await writeFile(join(root, 'schemas/retired.json'), '[{"type":"a.b"}]');
      const failure: unknown = await readRetired(root).catch((error: unknown) => error);
      expect(failure).to.include({ code: 'contract.bad_schema_file' });
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
