import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { expectGreeting } from './greets.js';
import { withExampleProcess } from './started-example.js';

const execute = promisify(execFile);
const folder = fileURLToPath(new URL('../../examples/hello-worker', import.meta.url));

describe('examples/hello-worker', function () {
  this.timeout(180_000);

  it('is tested by node:test', async () => {
    const { stdout } = await execute(
      process.execPath,
      [...process.execArgv, '--test', '--test-reporter=tap', 'test/workers/greeter.test.ts'],
      { cwd: folder },
    );
    expect(stdout).to.match(/^# pass 2\n# fail 0$/m);
  });

  it('runs by one command and handles an event', () =>
    withExampleProcess('hello', 'hello-worker', async (example) => {
      expect(await expectGreeting(example)).to.have.members(['keeper', 'greeter']);
    }));
});
