import { join } from 'node:path';
import { expect } from 'chai';
import * as order from '../../../../src/cli/commands/order/index.js';
import * as status from '../../../../src/cli/commands/status/index.js';
import * as subject from '../../../../src/cli/commands/subject/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import type { OrderStatus } from '../../../../src/observability/order-status.js';
import { registerProcess } from '../../../../src/observability/processes/process-registry.js';
import { startHealthServer } from '../../../../src/telemetry/health-server.js';
import { createMetrics } from '../../../../src/telemetry/metrics.js';
import type { RunningWorker } from '../../../../src/worker/start.js';
import { runCommand } from '../../../support/command.js';
import { eventually } from '../../../support/eventually.js';
import { PARTITION_PREFETCH } from '../../../../src/worker/ordering/partition-limits.js';
import { openSteppers, operatorEnv, stepper, steps, type Steppers } from '../../../worker/ordering/support/ordered.js';

const plain = steps.defineWorker({ name: 'plain', on: { 'step.taken': () => undefined } });
const fleet = defineFleet({ catalogue: steps, workers: [stepper(), plain] });

describe('flotilla order status', function () {
  this.timeout(60_000);
  let steppers: Steppers;
  let env: NodeJS.ProcessEnv;
  let ends: (() => Promise<void>)[];

  beforeEach(async () => {
    ends = [];
    steppers = await openSteppers('rabbitmq');
    env = await operatorEnv(steppers);
  });
  afterEach(async () => {
    for (const end of ends) await end();
    await steppers.close();
  });

  const run = (...args: string[]) =>
    runCommand({ modules: [order, subject, status], fleet, env, cwd: steppers.folder }, args);
  const read = async () =>
    (JSON.parse((await run('order', 'status', '--json')).out) as { items: OrderStatus[] }).items[0];

  /** Lets the commands find a worker of this process. */
  async function serve(worker: RunningWorker): Promise<void> {
    const ordering = () => ({ workers: [{ worker: worker.name, partitions: worker.state().partitions }] });
    const metrics = createMetrics();
    const health = await startHealthServer({ host: '127.0.0.1', port: 0, metrics, checks: {}, ordering });
    const remove = await registerProcess({
      dir: join(steppers.folder, 'run'),
      ...{ role: 'worker', workers: [worker.name], url: health.url, pid: process.pid, startedAt: '' },
    });
    ends.push(remove, () => health.close());
  }

  it('shows what waits in each partition, and the hottest subjects', async () => {
    let unblock = () => {};
    const blocked = new Promise<void>((resolve) => (unblock = resolve));
    const handle = ({ subject: name }: { subject: string }) => (name === 'a' ? blocked : undefined);
    await serve(await steppers.start(stepper({ prefetch: 1, handle })));
    await run('subject', 'hold', 'stepper', 'c');
    for (let n = 1; n <= PARTITION_PREFETCH + 2; n += 1) await steppers.publish('a', n);
    for (const n of [1, 2, 3]) await steppers.publish('c', n);
    await eventually('three are parked', async () => (await run('status')).out.includes('3 messages are parked'));
    expect((await run('status')).out).to.contain(
      'WARNING: stepper: 1 subject is held, 3 messages are parked: flotilla subject list stepper',
    );

    const found = await eventually('two wait in the queue', async () => {
      const item = await read();
      return item?.partitions[0]?.ready === 2 && item;
    });
    expect(found).to.include({ worker: 'stepper', by: 'subject', defined: 4, existing: 4 });
    const [first, , third] = found.partitions;
    expect(first).to.include({
      inFlight: PARTITION_PREFETCH,
      consumers: 1,
      parked: 0,
      held: 0,
      isStalled: false,
      stalls: 0,
    });
    expect(Date.now() - Date.parse(first?.oldest ?? '')).to.be.within(0, 120_000);
    expect(third).to.include({ ready: 0, inFlight: 0, parked: 3, held: 1 });
    const [queueOfC, queueOfA] = [third?.queue ?? '', first?.queue ?? ''];
    expect(found.hottest).to.deep.equal([
      { subject: 'c', queue: queueOfC, messages: 3, parked: 3 },
      { subject: 'a', queue: queueOfA, messages: 1, parked: 0 },
    ]);

    const { out, code } = await run('order', 'status', 'stepper');
    expect(code).to.equal(0);
    expect(out).to.match(/^stepper, by subject: 4 partitions\nPARTITION +READY +IN FLIGHT +OLDEST/);
    expect(out).to.match(new RegExp(`${queueOfA} +2 +${PARTITION_PREFETCH} +\\w+ +yes +0 +0 +no\n`));
    expect(out).to.match(new RegExp(`\nc +${queueOfC} +3 +3\n`));
    unblock();
  });

  it('shows what is known without a process, and without a broker', async () => {
    await steppers.publish('a', 1);
    await eventually('it waits', async () => (await read())?.partitions[0]?.ready === 1);
    expect((await read())?.partitions[0]).to.include({ oldest: null, consumers: 0, isStalled: null });
    const { out } = await run('order', 'status');
    expect(out).to.match(/ 1 +0|\? +\? +no +0 +0 +\?\n/);
    const without = await runCommand(
      { modules: [order], fleet, env: { ...env, AMQP_URL: 'amqp://127.0.0.1:1' }, cwd: steppers.folder },
      ['order', 'status'],
    );
    expect(without.code).to.equal(1);
    expect(without.out).to.match(/ \? +\? +\? +\? +0 +0 +\?\n/);
    expect(without.said).to.contain('broker.refused_connection');
  });

  it('is refused for a worker that is not ordered', async () => {
    const { code, said } = await run('order', 'status', 'plain');
    expect(code).to.equal(1);
    expect(said).to.contain('worker.not_ordered: The worker handles messages in no particular order: plain');
    expect((await run('order', 'status', 'nobody')).said).to.contain('name.unknown');
  });
});
