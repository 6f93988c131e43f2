import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import * as schemas from '../../../../src/cli/commands/schemas/index.js';
import { event } from '../../../../src/events/definition.js';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { defineRoute } from '../../../../src/api/route.js';
import { runCommand } from '../../../support/command.js';

function fleetWith(shape: Record<string, z.ZodType>) {
  const types = catalogue(baseCatalogue, {
    'order.created': event({ 1: z.strictObject({ id: z.string(), ...shape }) }),
  });
  const workers = ['shipping', 'payment'].map((name) =>
    types.defineWorker({ name, on: { 'order.created': () => undefined } }),
  );
  return defineFleet({ catalogue: types, workers });
}

describe('the command schemas', () => {
  let cwd: string;
  beforeEach(async () => (cwd = await mkdtemp(join(tmpdir(), 'flotilla-schemas-'))));
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  const run = (shape: Record<string, z.ZodType>, ...args: string[]) =>
    runCommand({ modules: [schemas], fleet: fleetWith(shape), env: {}, cwd }, ['schemas', ...args]);

  it('writes every schema once, and check passes afterwards', async () => {
    const missing = await run({}, 'check');
    expect(missing.code).to.equal(1);
    expect(missing.out).to.contain(
      'schemas/order.created/1.json is missing or out of date: run flotilla schemas write',
    );
    const written = await run({}, 'write');
    expect(written.code, written.said).to.equal(0);
    expect(written.out).to.match(/^schemas\/order\.created\/1\.json$/m);
    expect((await run({}, 'write')).out).to.equal('');
    const checked = await run({}, 'check');
    expect(checked).to.deep.include({ code: 0, said: '' });
    expect(checked.out).to.match(/^\d+ versions compared: 0 errors, 0 warnings\n$/);
  });

  it('refuses a required field, names the workers that it hurts, and writes nothing', async () => {
    await run({}, 'write');
    const { code, out } = await run({ currency: z.string() }, 'check');
    expect(code).to.equal(1);
    expect(out).to.contain(
      [
        'ERROR field-added-required  order.created 1  currency',
        '  at        /properties/currency  is {"type":"string"}',
        '  why       Stored data do not have the field.',
        '  refused   stored by old code: {"id":"text"}',
        '  readers   payment, shipping',
        '  remedy    Undo the change, and add version 2 of order.created with an upcaster. ' +
          'If no process has written version 1 yet: flotilla schemas write --replace order.created@1',
      ].join('\n'),
    );
    const written = await run({ currency: z.string() }, 'write');
    expect(written.code).to.equal(1);
    expect(written.out).to.contain('field-added-required');
    expect((await run({}, 'check')).code).to.equal(0);
  });

  it('replaces the files of the newest version, and no other', async () => {
    const versions = (currency: z.ZodType, upcast: unknown) => {
      const types = catalogue(baseCatalogue, {
        'order.created': event(
          { 1: z.strictObject({ id: z.string() }), 2: z.strictObject({ id: z.string(), currency }) },
          { 1: (data) => ({ ...data, currency: upcast }) },
        ),
      });
      const fleet = defineFleet({ catalogue: types, workers: [] });
      return (...args: string[]) => runCommand({ modules: [schemas], fleet, env: {}, cwd }, ['schemas', ...args]);
    };
    await versions(z.string(), 'USD')('write');
    const inCents = versions(z.int(), 840);
    expect((await inCents('check')).out).to.contain('type-changed  order.created 2').and.contain('upcast-changed');
    const refused = await inCents('write', '--replace', 'order.created@1');
    expect(refused).to.include({ code: 2 });
    expect(refused.said).to.contain('order.created@2');
    expect((await inCents('write', '--replace', 'order.created@2')).out).to.equal(
      ['1.samples', '2', '2.samples'].map((name) => `schemas/order.created/${name}.json\n`).join(''),
    );
    expect((await inCents('check')).out).to.contain(': 0 errors');
  });

  it('names the command that replaces all versions whose change is refused', async () => {
    const write = (currency: z.ZodType, ...args: string[]) => {
      const data = z.strictObject({ id: z.string(), currency });
      const types = catalogue(baseCatalogue, { 'order.created': event({ 1: data }), 'user.added': event({ 1: data }) });
      const fleet = defineFleet({ catalogue: types, workers: [] });
      return runCommand({ modules: [schemas], fleet, env: {}, cwd }, ['schemas', 'write', ...args]);
    };
    await write(z.string());
    const { code, said } = await write(z.int(), '--replace', 'user.added@1');
    expect(code).to.equal(1);
    const flags = ['--replace', 'user.added@1', '--replace', 'order.created@1'];
    expect(said).to.contain(`flotilla schemas write ${flags.join(' ')}\n`);
    expect(await write(z.int(), ...flags)).to.include({ code: 0 });
  });

  it('prints the findings as JSON', async () => {
    await run({}, 'write');
    const { code, out } = await run({ currency: z.string() }, 'check', '--json');
    expect(code).to.equal(1);
    const { findings } = JSON.parse(out) as { findings: unknown[] };
    expect(findings[0]).to.deep.include({
      rule: 'field-added-required',
      severity: 'error',
      type: 'order.created',
      version: 1,
      readers: ['payment', 'shipping'],
    });
  });

  it('prints annotations of a workflow', async () => {
    await run({}, 'write');
    const { code, out } = await run({ currency: z.string() }, 'check', '--annotations');
    expect(code).to.equal(1);
    expect(out.split('\n').slice(0, 2)).to.deep.equal([
      '::error file=schemas/order.created/1.json,title=field-added-required currency::Stored data do not have the field. ' +
        'Undo the change, and add version 2 of order.created with an upcaster. ' +
          'If no process has written version 1 yet: flotilla schemas write --replace order.created@1',
      '::error file=schemas/order.created/1.samples.json,title=sample-refused::currency: Invalid input: expected string, received undefined',
    ]);
  });

  it('permits an exception until its day, and reports one that permits nothing', async () => {
    const exception = (until: string) => ({
      rule: 'enum-value-added',
      type: 'order.created',
      version: 1,
      pointer: '/properties/size/enum',
      reason: 'no old code is left',
      until,
    });
    const permit = (...exceptions: object[]) =>
      writeFile(join(cwd, 'schemas/exceptions.json'), JSON.stringify(exceptions));
    const [before, after] = [{ size: z.enum(['s']) }, { size: z.enum(['s', 'm']) }];
    await run(before, 'write');
    expect((await run(after, 'write')).code).to.equal(1);
    await permit(exception('2020-01-01'));
    const ended = await run(after, 'check');
    expect(ended.code).to.equal(1);
    expect(ended.out).to.contain('exceptions.json: enum-value-added of order.created 1 (until 2020-01-01) permits nothing');
    await permit(exception('9999-12-31'));
    expect((await run(after, 'check')).out).to.contain('0 errors, 0 warnings, 1 permitted by exceptions, 1 file out of date');
    expect((await run(after, 'write')).code).to.equal(0);
    await permit({ ...exception('9999-12-31'), reason: '' });
    expect((await run(after, 'check')).said).to.contain('schemas/exceptions.json').and.contain('reason');
  });

  it('writes and compares the OpenAPI document of an API', async () => {
    const api = (shape: Record<string, z.ZodType>, ...args: string[]) => {
      const body = z.strictObject({ sku: z.string(), ...shape });
      const routes = [
        defineRoute({ method: 'post', path: '/orders', body, handler: async () => ({ status: 201 }) }),
        defineRoute({ method: 'get', path: '/orders', handler: async () => ({ status: 200 }) }),
      ];
      const fleet = defineFleet({ catalogue: baseCatalogue, workers: [], api: { store: 'core', routes } });
      return runCommand({ modules: [schemas], fleet, env: {}, cwd }, ['schemas', ...args]);
    };
    expect((await api({}, 'write')).out).to.match(/^schemas\/openapi\.json$/m);
    expect((await api({}, 'check')).out).to.match(/^\d+ versions and \d operations compared: 0 errors, 0 warnings\n$/);
    const note = { note: z.string() };
    const { code, out } = await api(note, 'check');
    expect(code).to.equal(1);
    expect(out).to.contain(
      [
        'ERROR field-added-required  POST /orders  body.note',
        '  at        /paths/~1orders/post/requestBody/content/application~1json/schema/properties/note  is {"type":"string"}',
        '  why       Requests of old clients do not have the field.',
        '  refused   sent by old code: {"path":{},"query":{},"header":{},"body":{"sku":"text"}}',
        '  readers   clients of the API',
        '  remedy    Make it optional until every server and client of the old release is gone.',
      ].join('\n'),
    );
    expect((await api(note, 'check', '--annotations')).out).to.contain(
      '::error file=schemas/openapi.json,title=field-added-required POST /orders body.note::',
    );
    expect((await api(note, 'write')).code).to.equal(1);
    const [finding] = (JSON.parse((await api(note, 'check', '--json')).out) as { findings: object[] }).findings;
    const { rule, type, pointer } = finding as Record<string, string>;
    const exception = { rule, type, pointer, reason: 'no client is left', until: '9999-12-31' };
    await writeFile(join(cwd, 'schemas/exceptions.json'), JSON.stringify([exception]));
    expect((await api(note, 'write')).code).to.equal(0);
    expect((await api(note, 'check')).code).to.equal(0);
  });

  it('fails for an unknown git reference without touching a file', async () => {
    const { code, said } = await run({}, 'check', '--against', 'no-such-branch');
    expect(code).to.equal(1);
    expect(said).to.contain('git merge-base: ');
    expect(existsSync(join(cwd, 'schemas'))).to.equal(false);
  });

  it('lists versions and readers, and shows the schema of a version', async () => {
    const { out } = await run({}, 'list');
    expect(out).to.match(/^order\.created +event +1 +payment, shipping$/m);
    const shown = await run({}, 'show', 'order.created@1');
    expect(JSON.parse(shown.out)).to.include({ $id: 'urn:flotilla:order.created:1' });
    expect((await run({}, 'show', 'order.created')).out).to.equal(shown.out);
    for (const wrong of ['order.created@2', 'order.created@x', 'order.*']) {
      expect((await run({}, 'show', wrong)).code, wrong).to.equal(2);
    }
    expect((await run({}, 'show', 'no.such')).said).to.contain('no.such');
  });
});
