import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import { testBroker } from '../../support/rabbitmq.js';
import type { Failpoint } from '../../../src/failpoints.js';
import { openSteppers, type Steppers } from './support/ordered.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/sequenced-worker.ts', import.meta.url));
/** Killed at each of them, a process leaves another state behind. */
const POINTS = ['worker.parked', 'worker.dead_confirmed', 'worker.held', 'worker.unparked'] as const;

describe('a worker that handles consecutive numbers and is killed', function () {
  this.timeout(60_000);
  let steppers: Steppers;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    steppers = await openSteppers('rabbitmq');
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await steppers.close();
  });

  const start = async (failpoint?: Failpoint) => {
    const { amqpUrl } = await testBroker();
    const path = join(steppers.folder, 'stepper.db');
    child = fork(FIXTURE, [amqpUrl, steppers.prefix, path, ...(failpoint === undefined ? [] : [failpoint])]);
    return child;
  };

  it('handles each event once, in order, when the missing one arrives after the dead letter of the gap', async () => {
    for (const [index, point] of POINTS.entries()) {
      const subject = `s${index}`;
      const killed = once(await start(point), 'exit', { signal: AbortSignal.timeout(20_000) });
      for (const n of [1, 3, 4]) await steppers.publish(subject, n);
      if (point === 'worker.unparked') await steppers.publish(subject, 2);
      expect((await killed)[1], point).to.equal('SIGKILL');
      if (point !== 'worker.unparked') await steppers.publish(subject, 2);
    }
    await start();
    await eventually('all are handled', async () => (await steppers.steps()).length >= 4 * POINTS.length, {
      limit: 30_000,
    });
    const steps = await steppers.steps();
    for (const index of POINTS.keys()) {
      const own = steps.filter((note) => note.startsWith(`s${index} `));
      expect(own).to.deep.equal([1, 2, 3, 4].map((n) => `s${index} ${n}`));
    }
  });
});
