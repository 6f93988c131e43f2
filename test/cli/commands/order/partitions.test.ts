import { expect } from 'chai';
import * as order from '../../../../src/cli/commands/order/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { readPartitions } from '../../../../src/worker/ordering/partitions/partition-table.js';
import { runCommand } from '../../../support/command.js';
import { eventually } from '../../../support/eventually.js';
import { openSteppers, operatorEnv, stepper, steps, type Steppers } from '../../../worker/ordering/support/ordered.js';

const total = steps.defineWorker({ name: 'total', ordering: 'total', on: { 'step.taken': () => undefined } });
const fleet = defineFleet({ catalogue: steps, workers: [stepper(), total] });

describe('flotilla order partitions set', function () {
  this.timeout(60_000);
  let steppers: Steppers;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    steppers = await openSteppers('rabbitmq');
    env = await operatorEnv(steppers);
  });
  afterEach(() => steppers.close());

  const run = (...args: string[]) =>
    runCommand({ modules: [order], fleet, env, cwd: steppers.folder }, ['order', 'partitions', 'set', ...args]);

  it('changes the number of partitions, and prints what it does', async () => {
    await steppers.start(stepper());
    const dry = await run('stepper', '--count', '8', '--dry-run');
    expect(dry.out).to.contain('stepper would change from 4 to 8 partitions: each is split into 2.');
    const done = await run('stepper', '--count', '8');
    expect(done.code).to.equal(0);
    expect(done.said).to.contain('Changing from 4 to 8 partitions; 0 messages wait.');
    expect(done.out).to.equal('stepper has 8 partitions.\n');
    expect((await run('stepper', '--count', '8')).out).to.equal('stepper had 8 partitions.\n');
    const status = await runCommand({ modules: [order], fleet, env, cwd: steppers.folder }, ['order', 'status']);
    expect(status.out).to.contain('stepper, by subject: 8 partitions (4 in its definition)');
  });

  it('continues a change that it did not complete in time', async () => {
    await steppers.start(stepper()).then((worker) => worker.end());
    const late = await run('stepper', '--count', '8', '--wait', '100ms');
    expect(late.said).to.contain('No process consumes them');
    expect(late.said).to.contain('partitions.waiting');
    expect((await run('stepper', '--count', '16', '--dry-run')).out).to.contain('It must be completed first.');
    expect((await run('stepper', '--count', '16')).said).to.contain('partitions.moving');
    await steppers.start(stepper());
    const done = await run('stepper', '--count', '8');
    expect(done.said).to.contain('Continuing the change from 4 to 8 partitions');
    expect(done.out).to.equal('stepper has 8 partitions.\n');
  });

  it('ends when it is interrupted, and prints how to continue', async () => {
    await steppers.start(stepper()).then((worker) => worker.end());
    const stop = new AbortController();
    const interrupted = runCommand({ modules: [order], fleet, env, cwd: steppers.folder, stop: stop.signal }, [
      'order',
      'partitions',
      'set',
      'stepper',
      '--count',
      '8',
    ]);
    await eventually(
      'it waits',
      async () => (await readPartitions(steppers.store.query, 'stepper'))?.moving !== undefined,
    );
    stop.abort();
    expect((await interrupted).said).to.match(
      /Interrupted; to continue: flotilla order partitions set stepper --count 8\n$/,
    );
    await steppers.start(stepper());
    expect((await run('stepper', '--count', '8')).code).to.equal(0);
  });

  it('refuses what is not possible', async () => {
    expect((await run('stepper', '--count', '5')).said).to.contain('4, 8, 16, 32');
    expect((await run('total', '--count', '8')).said).to.contain('partitions.total');
    expect((await run('nobody', '--count', '8')).said).to.contain('nobody');
  });
});
