import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SupervisedProcess } from '../../src/supervisor/child-process.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { FakeFleet } from './support/fake-fleet.js';

describe('a process that ends', () => {
  it('is reported, and again when its successor is ready', async () => {
    await using fleet = await FakeFleet.create();
    const { program, env } = fleet.options();
    const { logger, lines } = recordingLogger('warn');
    const supervised = new SupervisedProcess(
      { name: 'email', program, args: ['worker', 'email'], env },
      { logger, onChange: () => undefined, onFatal: () => undefined, backoff: { first: 10, longest: 10 } },
    );
    supervised.start();
    try {
      await eventually(() => supervised.ready);
      process.kill(supervised.state?.pid ?? 0, 'SIGKILL');
      await eventually(() => lines.length > 1);
      const { pid } = supervised.state ?? {};
      expect(lines[0]).to.deep.equal({
        level: 'warn',
        message: 'a process ended and is being restarted',
        child: 'email',
        signal: 'SIGKILL',
        in: '10ms',
      });
      expect(lines[1]).to.include({ level: 'warn', message: 'a process is ready again', child: 'email', pid });
      expect(lines[1]?.faultSeconds).to.be.a('number');
    } finally {
      await supervised.stop(5000);
    }
    expect(lines).to.have.length(2);
  });

  it('is reported with each longer delay if it is never ready', async () => {
    const { logger, lines } = recordingLogger('warn');
    const program = fileURLToPath(new URL('./support/ends-at-once.mjs', import.meta.url));
    const supervised = new SupervisedProcess(
      { name: 'email', program, args: [], env: {} },
      { logger, onChange: () => undefined, onFatal: () => undefined, backoff: { first: 1, longest: 60_000 } },
    );
    supervised.start();
    await eventually(() => lines.length > 2);
    await supervised.stop(5000);
    expect(lines.slice(0, 3).map((line) => line.in)).to.deep.equal(['1ms', '2ms', '4ms']);
  });
});
