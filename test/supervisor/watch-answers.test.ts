import { expect } from 'chai';
import { SupervisedProcess } from '../../src/supervisor/child-process.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { FakeFleet } from './support/fake-fleet.js';

describe('a process that stops answering', () => {
  it('is reported once, and once when it answers again', async () => {
    await using fleet = await FakeFleet.create();
    const { program, env } = fleet.options({ env: { FAKE_ANSWERS: '1' } });
    const { logger, lines } = recordingLogger('warn');
    const unexpected = (error: Error) => lines.push({ level: 'error', message: error.message });
    const supervised = new SupervisedProcess(
      { name: 'email', program, args: ['worker', 'email'], env },
      { logger, onChange: () => undefined, onFatal: unexpected, answerInterval: 300 },
    );
    supervised.start();
    try {
      await eventually(() => supervised.ready);
      const { pid } = supervised.state ?? {};
      if (pid === undefined) throw new Error('the process has no pid');
      process.kill(pid, 'SIGSTOP');
      await eventually(() => lines.length > 0);
      process.kill(pid, 'SIGCONT');
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message, child, pid: of }) => ({ level, message, child, pid: of }))).to.deep.equal([
        {
          level: 'warn',
          message: 'a process does not answer: it is stopped, or its event loop is blocked',
          child: 'email',
          pid,
        },
        { level: 'warn', message: 'a process answers again', child: 'email', pid },
      ]);
    } finally {
      await supervised.stop(5000);
    }
    expect(lines).to.have.length(2);
  });

  it('is one fault until its successor is ready, if it is killed', async () => {
    await using fleet = await FakeFleet.create();
    const { program, env } = fleet.options({ env: { FAKE_ANSWERS: '1' } });
    const { logger, lines } = recordingLogger('warn');
    let readyAt = 0;
    const supervised: SupervisedProcess = new SupervisedProcess(
      { name: 'email', program, args: ['worker', 'email'], env },
      {
        logger,
        onChange: () => {
          if (supervised.ready) readyAt = performance.now();
        },
        onFatal: (error) => lines.push({ level: 'error', message: error.message }),
        answerInterval: 300,
        backoff: { first: 10, longest: 10 },
      },
    );
    supervised.start();
    try {
      await eventually(() => supervised.ready);
      const { pid = 0 } = supervised.state ?? {};
      const stoppedAt = performance.now();
      process.kill(pid, 'SIGSTOP');
      await eventually(() => lines.length > 0);
      process.kill(pid, 'SIGKILL');
      await eventually(() => lines.length > 2);
      expect(lines.map(({ message }) => message)).to.deep.equal([
        'a process does not answer: it is stopped, or its event loop is blocked',
        'a process ended and is being restarted',
        'a process is ready again',
      ]);
      expect(lines[2]?.pid).to.equal(supervised.state?.pid).and.not.equal(pid);
      // rounded to tenths of a second
      expect(lines[2]?.faultSeconds).to.be.at.least((readyAt - stoppedAt) / 1000 - 0.06);
    } finally {
      await supervised.stop(5000);
    }
    expect(lines).to.have.length(3);
  });
});
