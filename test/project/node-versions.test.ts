import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { isSupportedNode, OLDEST_NODE } from '../../src/supported-node.js';
import { testBroker } from '../support/rabbitmq.js';
import { seed } from '../support/seed.js';
// @ts-expect-error -- a script without types
import { obtain, RELEASES } from '../../scripts/node.mjs';

const obtainNode = obtain as (version: string) => Promise<string>;
const releases = RELEASES as Record<string, string>;
const root = fileURLToPath(new URL('../..', import.meta.url));
const printNode = join(root, 'test/project/fixtures/print-node.mjs');
const TOO_OLD = '20.19.5';

/** Runs a program and resolves for any exit code. */
async function run(node: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: root, env: { ...process.env, FLOTILLA_NODE: undefined, ...env }, maxBuffer: 50_000_000 };
  const result = promisify(execFile)(node, [...args], options);
  return result.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe('the supported versions of Node.js', () => {
  it('start with the oldest in package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    expect(`${engines.node}.0`).to.equal(`>=${OLDEST_NODE}`);
    expect(['22.15.0', '22.15.1', '22.16.0', '24.0.0', '100.0.0'].every(isSupportedNode)).to.equal(true);
    expect(['20.20.2', '22.14.9', '21.99.0', '4.0.0'].some(isSupportedNode)).to.equal(false);
  });

  it('are obtained from npm when this one is too old; arguments, exit code and signals pass through', async function () {
    this.timeout(300_000);
    const old = await obtainNode(TOO_OLD);
    const { code, stdout } = await run(old, [printNode, '3', 'a b']);
    expect(code).to.equal(3);
    expect(JSON.parse(stdout)).to.deep.equal({ version: releases[26], args: ['3', 'a b'] });

    const waiting = spawn(old, [printNode, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface(waiting.stdout), 'line');
    waiting.kill('SIGTERM');
    expect(await once(waiting, 'exit')).to.deep.equal([7, null]);
  });

  it('are selected by FLOTILLA_NODE, which accepts only tested releases', async function () {
    this.timeout(300_000);
    const { stdout } = await run(process.execPath, [printNode], { FLOTILLA_NODE: '24' });
    expect(JSON.parse(stdout)).to.include({ version: releases[24] });
    const refused = await run(process.execPath, [printNode], { FLOTILLA_NODE: '21' });
    expect(refused).to.include({ code: 1, stdout: '' });
    expect(refused.stderr).to.equal('FLOTILLA_NODE=21 is not supported; use one of 22, 24, 26\n');
  });

  it('are named by the error when npm is unreachable', async function () {
    this.timeout(120_000);
    const cache = mkdtempSync(join(tmpdir(), 'flotilla-node-'));
    try {
      const offline = { XDG_CACHE_HOME: cache, npm_config_offline: 'true', npm_config_cache: join(cache, 'npm') };
      const { code, stderr } = await run(await obtainNode(TOO_OLD), [printNode], offline);
      expect(code).to.equal(1);
      expect(stderr).to.contain('Flotilla needs Node.js 22.15 or newer').and.contain('install a current Node.js');
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  });

  it('are required by the command line, which reports an old one without a crash in SQLite', async function () {
    this.timeout(120_000);
    const main = [join(root, 'dist/src/cli/main.js')];
    const { code, stderr } = await run(await obtainNode(TOO_OLD), [...main, 'status']);
    expect(code).to.equal(2);
    expect(stderr).to.contain('node.unsupported').and.contain(`this is ${TOO_OLD}`);
    const doctor = await run(await obtainNode(TOO_OLD), [...main, 'doctor']);
    expect(doctor.code).to.equal(1);
    expect(doctor.stdout).to.match(/^FAIL node .*22\.15\.0 or newer is required$/m);
  });

  // one of them in each run; CI runs all tests on each
  const others = Object.entries(releases).filter(([major]) => !process.versions.node.startsWith(`${major}.`));
  for (const [major, version] of others.slice(seed % others.length).slice(0, 1)) {
    it(`pass the store contract and the publish and subscribe tests on Node.js ${major}`, async function () {
      this.timeout(300_000);
      const { amqpUrl, managementUrl } = await testBroker();
      const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
      const specs = ['test/contract/store.sqlite.test.ts', 'test/client/subscriber.test.ts'];
      const env = { FLOTILLA_TEST_AMQP_URL: amqpUrl, FLOTILLA_TEST_MANAGEMENT_URL: managementUrl };
      const { code, stdout, stderr } = await run(await obtainNode(version), [mocha, ...specs], env);
      expect(code, `${stdout}\n${stderr}`).to.equal(0);
      expect(stdout).to.match(/[1-9]\d+ passing/);
    });
  }
});
