import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import { expectGreeting } from './greets.js';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const example = join(root, 'examples/hello-worker');

describe('examples/hello-worker', function () {
  this.timeout(180_000);

  it('is tested by node:test', async () => {
    const { stdout } = await execute(
      process.execPath,
      [...process.execArgv, '--test', '--test-reporter=tap', 'test/workers/greeter.test.ts'],
      { cwd: example },
    );
    expect(stdout).to.match(/^# pass 2\n# fail 0$/m);
  });

  it('runs by one command and handles an event', async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-hello-'));
    const env = {
      ...process.env,
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: dataDir,
      LOG_FORMAT: 'text',
    };
    const bin = join(root, 'bin/flotilla');
    const program = spawn('npm', ['run', 'example:hello'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      const flotilla = async (...args: string[]) =>
        (await execute(process.execPath, [bin, ...args], { cwd: example, env })).stdout;
      expect(await expectGreeting({ program, dataDir, flotilla })).to.have.members(['keeper', 'greeter']);
    } finally {
      program.kill();
      await cleanUp(prefix);
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
