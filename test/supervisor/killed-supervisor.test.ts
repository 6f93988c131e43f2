import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readFleetState } from '../../src/supervisor/fleet-state.js';
import { hasEnded, startOf } from '../../src/supervisor/process-identity.js';
import { reset } from '../../src/supervisor/data-directory/reset.js';
import { count, FakeFleet } from './support/fake-fleet.js';

describe('after a kill -9 of up', function () {
  this.timeout(90_000);
  let fleet: FakeFleet;
  let supervisor: ChildProcess | undefined;

  beforeEach(async () => (fleet = await FakeFleet.create()));
  afterEach(async () => {
    supervisor?.kill('SIGKILL');
    await reset(fleet.dataDir, 0);
    await fleet[Symbol.asyncDispose]();
  });

  const startAndKill = async (env: Record<string, string>, ...args: string[]) => {
    const program = fileURLToPath(new URL('support/run-up.ts', import.meta.url));
    supervisor = fork(program, [fleet.directory, ...args], { env: { ...process.env, ...env } });
    await once(supervisor, 'message');
    const state = await readFleetState(fleet.dataDir);
    if (state === undefined) throw new Error('nothing was written down');
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    return state;
  };

  it('its processes end by themselves, and the next one starts', async () => {
    await startAndKill({});
    await fleet.until((lines) => count(lines, 'orphaned') === 5);
    await upAndDown(fleet);
    expect(count(await fleet.lines(), 'started')).to.equal(10);
  });

  it('the next one ends processes that are still running', async () => {
    const { processes } = await startAndKill({ FAKE_DEAF: 'worker payment' });
    await fleet.until((lines) => count(lines, 'orphaned') === 4);
    const deaf = processes.find(({ name }) => name === 'payment');
    if (deaf === undefined) throw new Error('payment was not written down');
    expect(await startOf(deaf.pid)).to.equal(deaf.startedAt);
    await upAndDown(fleet);
    expect(fleet.said.join('\n')).to.match(/Stopped processes of an earlier run: .*payment/);
    expect(await hasEnded(deaf, 0)).to.equal(true);
  });

  it('the next one takes over its broker and ends it at its own end', async () => {
    const before = await startAndKill({}, 'private');
    await fleet.until((lines) => count(lines, 'orphaned') === 5);
    let adopted: string | undefined;
    await upAndDown(fleet, {
      amqp: undefined,
      running: async () => void (adopted = (await readFleetState(fleet.dataDir))?.amqpUrl),
    });
    expect(fleet.said.join('\n')).not.to.contain('Starting RabbitMQ');
    expect(adopted).to.equal(before.amqpUrl);
    await expectRefused(before.managementUrl);
  });
});

/** Runs `up` until it is ready, then stops it. */
async function upAndDown(
  fleet: FakeFleet,
  { running, ...overrides }: { amqp?: undefined; running?: () => Promise<void> } = {},
): Promise<void> {
  let stopped = Promise.resolve();
  await fleet.run({
    ...overrides,
    onReady: () => void (stopped = (running?.() ?? stopped).finally(() => fleet.stop())),
  });
  await stopped;
}

async function expectRefused(url: string): Promise<void> {
  const refused = await fetch(new URL(url).origin).then(
    () => false,
    () => true,
  );
  expect(refused, `${url} still answers`).to.equal(true);
}
