import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import * as api from '../../src/cli/commands/api.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as doctor from '../../src/cli/commands/doctor/index.js';
import * as events from '../../src/cli/commands/events/index.js';
import * as keeper from '../../src/cli/commands/keeper.js';
import * as projections from '../../src/cli/commands/projections/index.js';
import * as reset from '../../src/cli/commands/reset.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as sagas from '../../src/cli/commands/sagas/index.js';
import * as sandbox from '../../src/cli/commands/sandbox.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as streams from '../../src/cli/commands/streams/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import * as up from '../../src/cli/commands/up.js';
import * as worker from '../../src/cli/commands/worker.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { makeDirectory } from '../../src/files/make-directory.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { jobsProjection } from '../projections/support/jobs.js';
import { runCommand } from '../support/command.js';
import { shop } from '../support/shop.js';

const fleet = defineFleet({
  catalogue: shop,
  workers: [
    shop.defineWorker({
      name: 'jobs',
      on: { 'job.requested': () => undefined },
      emits: ['job.begun', 'job.finished', 'job.failed'],
      projections: [jobsProjection()],
      settings: z.object({ gatewayUrl: z.url(), depth: z.int().min(1).default(3) }),
    }),
    shop.defineWorker({
      name: 'mails',
      on: { 'job.failed': () => undefined },
      settings: z.object({ mailFrom: z.email('must be an address') }),
    }),
  ],
  api: { store: 'core', settings: z.object({ pageSize: z.int().max(100).default(20) }), routes: [] },
  sandbox: {
    settings: z.object({ sandboxPort: z.int().default(3001), sandboxSmtpPort: z.int().default(3025) }),
    ports: ['sandboxPort', 'sandboxSmtpPort'],
    tokens: [],
    start: () => Promise.reject(new Error('not reached')),
  },
});
const modules = [
  ...[up, api, worker, keeper, sandbox, status, dead, events, streams, projections, sagas, reset, doctor],
  ...[retrying, topology, unrouted],
];

describe('checks before a command starts', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-first-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const valid = { GATEWAY_URL: 'http://gateway', MAIL_FROM: 'shop@example.org', AMQP_URL: 'amqp://127.0.0.1:1' };
  const run = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    // a command that passes the checks ends immediately
    runCommand(
      { modules, fleet, env: { DATA_DIR: 'data', ...valid, ...env }, cwd: folder, stop: AbortSignal.abort() },
      args,
    );

  describe('settings of workers', () => {
    const wrong = { GATEWAY_URL: '', DEPTH: 'deep', MAIL_FROM: 'nobody' };
    const lines = [
      /^config\.invalid: .*GATEWAY_URL of worker jobs: .* \(it is not set\)\. /,
      /^config\.invalid: .*DEPTH of worker jobs: .* \(it is "deep"\)\. /,
      /^config\.invalid: .*MAIL_FROM of worker mails: must be an address \(it is "nobody"\)\. /,
    ];
    for (const args of [['up'], ['worker', 'jobs', 'mails']]) {
      it(`reports each problem on one line and starts nothing: ${args.join(' ')}`, async () => {
        const { code, said, out } = await run({ ...wrong, GATEWAY_URL: 'here' }, ...args);
        expect([code, out]).to.deep.equal([2, '']);
        const problems = said.split('\n');
        expect(problems).to.have.length(3);
        expect(problems[0]).to.match(/GATEWAY_URL of worker jobs: .* \(it is "here"\)\. /);
        expect(problems[1]).to.match(lines[1] ?? /$./);
        expect(problems[2]).to.match(lines[2] ?? /$./);
        expect(existsSync(join(folder, 'data'))).to.equal(false);
      });
    }

    it('checks only the workers that the process runs or that are enabled', async () => {
      expect((await run({ MAIL_FROM: 'nobody' }, 'worker', 'mails')).said).to.match(lines[2] ?? /$./);
      expect((await run({ MAIL_FROM: 'nobody' }, 'worker', 'jobs')).said).not.to.contain('MAIL_FROM');
      expect((await run({ MAIL_FROM: 'nobody', WORKERS: 'jobs' }, 'up')).said).not.to.contain('MAIL_FROM');
    });

    it('checks the settings of the API before its process starts anything', async () => {
      const { code, said } = await run({ PAGE_SIZE: '1000' }, 'api');
      expect(code).to.equal(2);
      expect(said).to.contain('PAGE_SIZE of the API');
      expect(existsSync(join(folder, 'data'))).to.equal(false);
    });

    it('doctor reports the same problems', async () => {
      const { code, out } = await run({ DEPTH: 'deep', MAIL_FROM: 'nobody' }, 'doctor');
      expect(code).to.equal(1);
      expect(out)
        .to.match(/FAIL fleet .*DEPTH of worker jobs/)
        .and.match(/FAIL fleet .*MAIL_FROM of worker mails/);
    });
  });

  it('prints the commands without a handler when WORKERS excludes their worker', async () => {
    const { said } = await run({ WORKERS: 'mails' }, 'up');
    expect(said).to.contain('Not enabled by WORKERS: jobs (handles job.requested).');
    const { out } = await run({ WORKERS: 'mails' }, 'doctor');
    expect(out).to.match(/ok +fleet +1 workers: mails\. Not enabled by WORKERS: jobs/);
  });

  for (const args of [
    ['dead', 'collect'],
    ['dead', 'discard', '--all', '--reason', 'test'],
    ['dead', 'replay', '--all'],
    ['retrying', 'list'],
    ['topology', 'plan'],
    ['unrouted', 'list'],
    ['unrouted', 'replay'],
  ]) {
    it(`refuses an unknown worker in WORKERS before it opens a store or the broker: ${args.join(' ')}`, async () => {
      const { code, said } = await run({ WORKERS: 'job' }, ...args);
      expect([code, said.split(':')[0]]).to.deep.equal([2, 'config.invalid']);
      expect(said).to.contain('WORKERS: there is no worker "job"');
    });
  }

  it('refuses one port for two parts of the fleet', async () => {
    const { code, said } = await run({ PORT: '4001', SANDBOX_PORT: '4001' }, 'up');
    expect(code).to.equal(2);
    expect(said).to.contain('PORT and SANDBOX_PORT are both 4001');
    expect((await run({ SANDBOX_SMTP_PORT: '3001' }, 'doctor')).out).to.contain(
      'SANDBOX_PORT and SANDBOX_SMTP_PORT are both 3001',
    );
  });

  describe('an unusable DATA_DIR', () => {
    const processes = [['up'], ['worker', 'jobs'], ['api'], ['keeper'], ['sandbox']];
    const writing = [...processes, ['projections', 'rebuild', '--all']];
    const reading = [
      ['status'],
      ['dead', 'list'],
      ['events', 'list'],
      ['projections', 'list'],
      ['sagas', 'list'],
      ['streams', 'show', 'job/1'],
      ['reset', '--yes'],
    ];
    const refused = async (dataDir: string, args: string[], why: RegExp) => {
      const { code, said, out } = await run({ DATA_DIR: dataDir }, ...args);
      expect([code, out], args.join(' ')).to.deep.equal([2, '']);
      expect(said, args.join(' '))
        .to.match(/^config\.invalid: [^\n]*DATA_DIR:? [^\n]*$/)
        .and.match(why);
    };

    it('prints one line and exits with 2 for a file', async () => {
      await writeFile(join(folder, 'file'), '');
      for (const args of [...writing, ...reading]) await refused('file', args, /not a directory/);
      for (const args of [...writing, ...reading]) await refused('file/below', args, /ENOTDIR/);
      expect((await run({ DATA_DIR: 'file' }, 'doctor')).out).to.match(/FAIL disk .*not a directory/);
    });

    it('prints one line and exits with 2 for a folder that cannot be created', async function () {
      if (!existsSync('/proc/self')) this.skip();
      for (const args of writing) await refused('/proc/nope/data', args, /ENOENT/);
      expect((await run({ DATA_DIR: '/proc/nope/data' }, 'doctor')).out).to.match(/FAIL disk .*ENOENT/);
      expect((await run({ DATABASE_URL: 'sqlite:/proc/nope/{service}.db' }, 'events', 'list')).code).to.equal(1);
    });

    it('prints one line and exits with 2 for a folder without permission', async function () {
      if (process.getuid?.() === 0) this.skip(); // root may do anything
      await mkdir(join(folder, 'mine'));
      await chmod(join(folder, 'mine'), 0o000);
      for (const args of [...writing, ...reading]) await refused('mine', args, /EACCES/);
      await chmod(join(folder, 'mine'), 0o700);
    });

    it('prints one line and exits with 2 when the lock is not a file', async () => {
      await mkdir(join(folder, 'odd', '.in-use'), { recursive: true });
      for (const args of writing.slice(1)) await refused('odd', args, /\.in-use cannot be locked/);
    });
  });

  it('doctor creates no folder', async () => {
    expect((await run({ DATA_DIR: 'a/b/c' }, 'doctor')).out).to.match(/ok +disk/);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('opening a store in a folder that cannot be created fails and does not loop forever', async function () {
    if (!existsSync('/proc/self')) this.skip();
    expect(() => makeDirectory('/proc/nope/data')).to.throw(/ENOENT/);
    const error: unknown = await openSqliteStore({ service: 's', path: '/proc/nope/s.db' }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(Error);
  });
});
