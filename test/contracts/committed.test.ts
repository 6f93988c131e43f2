import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { z } from 'zod';
import { readCommitted, readCommittedAt, writeCommitted } from '../../src/contracts/committed.js';
import { outdatedContracts } from '../../src/contracts/contracts.js';
import { event } from '../../src/events/definition.js';
import { codeOf } from '../contract/broker.js';

const execute = promisify(execFile);
const signal = new AbortController().signal;
const NOTHING = { schemas: [], samples: [] };
const api = { openapi: '3.1.0', paths: {} };
const files = (field: z.ZodType) =>
  outdatedContracts(
    {
      definitions: {
        'order.created': event({ 1: z.strictObject({ field }), 2: z.strictObject({}) }, { 1: () => ({}) }),
        'user.created': event({ 1: z.strictObject({ name: z.string() }) }),
      },
      api,
    },
    NOTHING,
  );

describe('committed schemas', () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'flotilla-schemas-'))));
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('are read as they were written, one file for each version', async () => {
    expect(await readCommitted(root)).to.deep.equal(NOTHING);
    expect(await writeCommitted(root, files(z.int()))).to.deep.equal([
      'schemas/openapi.json',
      'schemas/order.created/1.json',
      'schemas/order.created/1.samples.json',
      'schemas/order.created/2.json',
      'schemas/order.created/2.samples.json',
      'schemas/user.created/1.json',
      'schemas/user.created/1.samples.json',
    ]);
    expect(await readCommitted(root)).to.deep.equal(files(z.int()));
    const text = await readFile(join(root, 'schemas/user.created/1.json'), 'utf8');
    expect(JSON.parse(text)).to.include({ $id: 'urn:flotilla:user.created:1', 'x-kind': 'event' });
  });

  it('are refused with their path if a file is no schema of its version', async () => {
    await mkdir(join(root, 'schemas/order.created'), { recursive: true });
    const path = join(root, 'schemas/order.created/1.json');
    for (const text of ['{', 'null', '[]', '{"$id":"urn:flotilla:order.created:2"}', '{"$id":"https://example.org"}']) {
      await writeFile(path, text);
      expect(await codeOf(readCommitted(root)), text).to.equal('contract.bad_schema_file');
    }
    await rm(path);
    for (const text of ['{', 'null', '{"newest":0,"samples":[]}', '{"newest":1,"samples":[{}],"more":1}']) {
      await writeFile(join(root, 'schemas/order.created/1.samples.json'), text);
      expect(await codeOf(readCommitted(root)), text).to.equal('contract.bad_schema_file');
    }
    await rm(join(root, 'schemas/order.created/1.samples.json'));
    for (const text of ['{', 'null', '[]', '{"openapi":"3.1.0"}']) {
      await writeFile(join(root, 'schemas/openapi.json'), text);
      expect(await codeOf(readCommitted(root)), text).to.equal('contract.bad_schema_file');
    }
  });

  it('are read from the commit at which the branch left another one', async () => {
    const project = join(root, 'project');
    await mkdir(project);
    const git = (...args: string[]) =>
      execute(
        'git',
        ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false', ...args],
        {
          cwd: project,
        },
      );
    const commit = async (field: z.ZodType) => {
      await writeCommitted(project, files(field));
      await git('add', '.');
      await git('commit', '--quiet', '--message', 'schemas');
    };
    await git('init', '--quiet', '--initial-branch=main', '..');
    await commit(z.int());
    await git('switch', '--quiet', '--create', 'change');
    await commit(z.string());
    await git('switch', '--quiet', 'main');
    await commit(z.boolean());
    await git('switch', '--quiet', 'change');
    expect(await readCommittedAt(project, 'main', signal)).to.deep.equal(files(z.int()));
    expect(await readCommittedAt(project, 'HEAD', signal)).to.deep.equal(files(z.string()));
    const unknown: unknown = await readCommittedAt(project, '--all', signal).catch((error: unknown) => error);
    expect(unknown)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/^git merge-base: ./);
  });
});
