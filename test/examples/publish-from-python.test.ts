import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { run } from '../support/packed-package.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('examples/publish-from-python @slow', function () {
  this.timeout(240_000);

  it('publishes from Python to RabbitMQ, and the worker handles the event', async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-python-'));
    const env = {
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: join(folder, 'data'),
    };
    try {
      const output = await run(root, 'npm', ['run', '--silent', 'example:python'], env);
      expect(output).to.match(/^Python published \S+\nThe worker has counted 5 of item_1\n$/);
    } finally {
      await cleanUp(prefix);
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is the code that the guide on publishing from other languages shows', async () => {
    const guide = await readFile(join(root, 'docs/guides/publishing-from-other-languages.md'), 'utf8');
    const code = await readFile(join(root, 'examples/publish-from-python/publish.py'), 'utf8');
    expect(guide).to.contain(`\`\`\`python\n${code}\`\`\`\n`);
  });
});
