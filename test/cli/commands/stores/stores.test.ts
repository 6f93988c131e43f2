import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { register as registerDoctor } from '../../../../src/cli/commands/doctor/index.js';
import { register as registerKeeper } from '../../../../src/cli/commands/keeper.js';
import { register as registerReset } from '../../../../src/cli/commands/reset.js';
import { register as registerStores } from '../../../../src/cli/commands/stores/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { readProcesses } from '../../../../src/observability/processes/process-registry.js';
import { runCommand, type CommandResult } from '../../../support/command.js';
import { cleanUp, testBroker, type TestBroker } from '../../../support/rabbitmq.js';
import { shop } from '../../../support/shop.js';
import { eventually } from '../../../support/eventually.js';

const fleet = defineFleet({
  catalogue: shop,
  workers: [shop.defineWorker({ name: 'tally', on: { 'job.requested': () => undefined } })],
});
const modules = [registerDoctor, registerKeeper, registerReset, registerStores].map((register) => ({ register }));

describe('a fleet that lost a store', function () {
  this.timeout(180_000);
  let rabbit: TestBroker;
  let folder: string;
  let ops: string;
  beforeEach(async () => {
    rabbit = await testBroker();
    folder = await mkdtemp(join(tmpdir(), 'flotilla-stores-'));
    ops = join(folder, 'ops.db');
  });
  afterEach(async () => {
    await cleanUp(rabbit.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  const run = (args: readonly string[], stop?: AbortSignal) =>
    runCommand(
      {
        modules,
        fleet,
        env: {
          DATA_DIR: folder,
          AMQP_URL: rabbit.amqpUrl,
          AMQP_MANAGEMENT_URL: rabbit.managementUrl,
          FLOTILLA_PREFIX: rabbit.prefix,
          LOG_LEVEL: 'error',
        },
        cwd: folder,
        ...(stop !== undefined && { stop }),
      },
      args,
    );
  /** Runs a keeper until it is ready, does `work`, then ends the keeper if it still runs. */
  const whileKeeping = async (work: () => unknown, isOver = false): Promise<CommandResult> => {
    const stop = new AbortController();
    const running = run(['keeper'], stop.signal);
    const ready = eventually(
      'the keeper is ready',
      async () => (await readProcesses(join(folder, 'run'))).length === 1,
    );
    const ended = await Promise.race([ready.then(() => undefined), running]);
    if (ended !== undefined) throw new Error(`the keeper ended before it was ready: ${ended.said}`);
    await work();
    if (!isOver) stop.abort(new Error('the test is over'));
    return running;
  };
  const list = async () =>
    (
      JSON.parse((await run(['stores', 'list', '--json'])).out) as { items: { service: string; state: string }[] }
    ).items.map(({ service, state }) => `${service} ${state}`);

  const examined = async () => (await run(['doctor'])).out.split('\n').filter((line) => line.includes(' stores '));

  it('ends the process with a line that names the file, and starts only once the file is back', async () => {
    const away = `${ops}.away`;
    const moved = await whileKeeping(() => {
      for (const suffix of ['', '-wal', '-shm']) renameSync(`${ops}${suffix}`, `${away}${suffix}`);
    }, true);
    expect(moved.code).to.equal(1);
    expect(moved.said).to.match(/^store\.moved: .*ops\.db was removed\. /); // and nothing else

    const missing = await run(['keeper']);
    expect(missing.code).to.equal(1);
    expect(missing.said).to.match(/store\.missing: .*ops\.db.*flotilla stores accept ops\. /);
    expect(existsSync(ops)).to.equal(false);
    expect(await list()).to.deep.equal(['ops missing', 'tally new']);
    expect((await examined()).join('\n')).to.match(/^FAIL stores +store\.missing: .*ops\.db of ops\. .*restore .*$/);

    for (const suffix of ['', '-wal', '-shm']) renameSync(`${away}${suffix}`, `${ops}${suffix}`);
    expect((await whileKeeping(() => undefined)).code).to.equal(0);
    expect(await list()).to.deep.equal(['ops ok', 'tally new']);
    expect((await examined()).join('\n')).to.match(/^ok {3}stores +1 on this machine, none missing or replaced$/);
  });

  it('accepts the loss when the operator confirms it, and on a reset', async () => {
    await whileKeeping(() => undefined);
    rmSync(ops);
    expect((await run(['stores', 'accept', 'ops'])).code).to.equal(2);
    expect((await run(['stores', 'accept', 'tally', '--yes'])).said).to.contain('Nothing to accept');
    expect((await run(['stores', 'accept', 'nobody', '--yes'])).said).to.contain('ops, tally');
    expect((await run(['stores', 'accept', 'ops', '--yes'])).code).to.equal(0);
    expect(existsSync(ops)).to.equal(false);
    expect((await whileKeeping(() => undefined)).code).to.equal(0);

    rmSync(ops);
    expect((await run(['reset', '--yes'])).code).to.equal(0);
    expect((await whileKeeping(() => undefined)).code).to.equal(0);
  });

  it('accepts a replacement store, but not a damaged one', async () => {
    await whileKeeping(() => undefined);
    renameSync(ops, `${ops}.first`);
    await run(['stores', 'accept', 'ops', '--yes']);
    await whileKeeping(() => undefined);
    renameSync(`${ops}.first`, ops);
    const replaced = await run(['keeper']);
    expect(replaced.said).to.match(/store\.replaced: .*ops\.db.*flotilla stores accept/);
    expect(await list()).to.deep.equal(['ops replaced', 'tally new']);
    expect((await examined()).join('\n')).to.match(/^FAIL stores +store\.replaced: .*ops\.db of ops\./);
    expect((await run(['stores', 'accept', 'ops', '--yes'])).code).to.equal(0);
    expect((await whileKeeping(() => undefined)).code).to.equal(0);

    truncateSync(ops, 0);
    expect((await run(['keeper'])).said).to.match(/store\.damaged: .*ops\.db: it is empty\. /);
    expect(await list()).to.deep.equal(['ops damaged', 'tally new']);
    expect((await examined()).join('\n')).to.match(/^FAIL stores +store\.damaged: .*ops\.db of ops\./);
    expect((await run(['stores', 'accept', 'ops', '--yes'])).said).to.contain('store.damaged');
  });
});
