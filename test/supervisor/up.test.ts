import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { readFleetState } from '../../src/supervisor/fleet-state.js';
import { startOf } from '../../src/supervisor/process-identity.js';
import { count, FakeFleet } from './support/fake-fleet.js';

describe('up', () => {
  let fleet: FakeFleet;
  beforeEach(async () => (fleet = await FakeFleet.create()));
  afterEach(() => fleet[Symbol.asyncDispose]());

  const started = (expected: number) => fleet.until((lines) => count(lines, 'started') === expected);

  /** Resolves with the banner, once every process is ready. */
  const ready = (overrides: Parameters<FakeFleet['run']>[0] = {}) =>
    new Promise<{ running: Promise<void> }>((resolve, reject) => {
      const running = fleet.run({
        ...overrides,
        onReady: (state) => {
          fleet.print(state);
          resolve({ running });
        },
      });
      running.catch(reject);
    });

  it('starts every process, prints its address, and stops them in order: API, workers, keeper, sandbox', async () => {
    const { running } = await ready();
    expect(fleet.printed.join('\n')).to.contain('Flotilla is running').and.contain('2 ready: inventory, payment');
    expect(fleet.printed)
      .to.include('Mailbox     http://127.0.0.1:1/mailbox')
      .and.include('Status      npx flotilla status');
    fleet.stop();
    await running;
    expect(fleet.said.at(-1)).to.equal('The fleet has stopped.');
    const lines = await fleet.lines();
    const ends = lines.filter((line) => line.startsWith('stopped'));
    expect(ends[0]).to.equal('stopped api');
    expect(ends.slice(1, 3).sort()).to.deep.equal(['stopped worker inventory', 'stopped worker payment']);
    expect(ends.slice(3)).to.deep.equal(['stopped keeper', 'stopped sandbox']);
  });

  it('runs the configured number of processes of a worker, including none', async () => {
    const { running } = await ready({ scale: { payment: 3, inventory: 0 } });
    const lines = await fleet.lines();
    expect(count(lines, 'started worker payment')).to.equal(3);
    expect(count(lines, 'started worker inventory')).to.equal(0);
    fleet.stop();
    await running;
  });

  it('runs all workers in the configured number of processes', async () => {
    const { running } = await ready({ processes: 1 });
    expect(count(await fleet.lines(), 'started worker inventory payment')).to.equal(1);
    expect(fleet.printed.join('\n')).to.contain('2 ready: inventory, payment');
    fleet.stop();
    await running;
  });

  it('restarts a killed process without the failpoint that killed it', async () => {
    const env = { FLOTILLA_FAILPOINT: 'store.committed:1', FAKE_FAILPOINT_SHOWN: 'worker payment' };
    const { running } = await ready({ env });
    process.kill(await pidOf(fleet, 'payment'), 'SIGKILL');
    const lines = await fleet.until((all) => count(all, 'started worker payment') === 2);
    expect(lines.filter((line) => line.startsWith('failpoint'))).to.deep.equal([
      'failpoint=store.committed:1 worker payment',
      'failpoint= worker payment',
    ]);
    fleet.stop();
    await running;
  });

  it('reports that a fleet is already running in the same data directory', async () => {
    const { running } = await ready();
    const second = await fleet.run().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(second).to.have.property('code', 'fleet.running');
    expect(second).to.have.property('message').that.contains(`(process ${process.pid})`);
    fleet.stop();
    await running;
    await fleet.run({ signal: AbortSignal.abort() });
  });

  it('names the variable of a port in use before anything starts', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    for (const name of ['PORT', 'SANDBOX_PORT', 'SANDBOX_SMTP_PORT']) {
      const ports = { PORT: 0, SANDBOX_PORT: 0, SANDBOX_SMTP_PORT: 0, [name]: port };
      const error: unknown = await fleet.run({ ports }).catch((failure: unknown) => failure);
      expect(error).to.have.property('code', 'config.invalid');
      expect(error)
        .to.have.property('message')
        .that.contains(
          `${name}: port ${port} of 127.0.0.1 is taken; find the process with: lsof -nP -iTCP:${port} -sTCP:LISTEN`,
        );
    }
    server.close();
    expect(await fleet.lines()).to.deep.equal([]);
  });

  it('ends everything when a process rejects its configuration', async () => {
    const error: unknown = await fleet
      .run({ env: { FAKE_WRONG_USE: 'worker payment' } })
      .catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'config.invalid');
    expect(error).to.have.property('message').that.contains('payment: see its output above');
    const lines = await fleet.lines();
    expect(count(lines, 'stopped') + count(lines, 'orphaned')).to.equal(count(lines, 'started'));
  });

  it('exits with the code of a process that would fail again', async () => {
    const error: unknown = await fleet
      .run({ env: { FAKE_FATAL: 'worker payment' } })
      .catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'store.missing');
    expect(error)
      .to.have.property('message')
      .that.matches(/payment: payment, payment\.db$/);
  });

  it('kills immediately on a second signal, including a process that ignores signals', async () => {
    const { running } = await ready({ env: { FAKE_STUBBORN: 'worker payment' }, drainTimeout: 600_000 });
    const pid = await pidOf(fleet, 'payment');
    fleet.stop();
    await fleet.until((lines) => lines.includes('stopped worker inventory'));
    fleet.force();
    await running;
    expect(await startOf(pid)).to.equal(undefined);
  });

  it('kills a process that does not end within its time limit', async () => {
    const { running } = await ready({ env: { FAKE_STUBBORN: 'keeper' }, drainTimeout: -4900 });
    const pid = await pidOf(fleet, 'keeper');
    fleet.stop();
    await running;
    expect(await startOf(pid)).to.equal(undefined);
    expect(await fleet.lines()).to.include('stopped sandbox');
  });

  it('does not pass the terminal’s Ctrl-C to its processes', async function () {
    if (process.platform === 'win32') this.skip();
    const { running } = await ready();
    await started(5);
    // A terminal signals its foreground group, which is that of `up`; its children must be in other groups.
    const groups = await Promise.all(['api', 'keeper', 'payment'].map((name) => pidOf(fleet, name).then(groupOf)));
    expect(groups).not.to.include(groupOf(process.pid));
    fleet.stop();
    await running;
  });
});

async function pidOf(fleet: FakeFleet, name: string): Promise<number> {
  const found = (await readFleetState(fleet.dataDir))?.processes.find((process) => process.name === name);
  if (found === undefined) throw new Error(`no process ${name} was written down`);
  return found.pid;
}

function groupOf(pid: number): string {
  return execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)])
    .toString()
    .trim();
}
