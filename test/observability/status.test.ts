import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statusLines } from '../../src/cli/commands/status/lines.js';
import { fleetStatus, type FleetStatus } from '../../src/observability/fleet-status.js';
import { probeProcess, type ProcessReport } from '../../src/observability/processes/probe-process.js';
import {
  readProcesses,
  registerProcess,
  type ProcessRecord,
} from '../../src/observability/processes/process-registry.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { deadLetterMessage, openFixture } from '../dead-letters/support/dead-letter-fixture.js';

const here: ProcessRecord = {
  role: 'worker',
  workers: ['payment'],
  url: 'http://127.0.0.1:1',
  pid: process.pid,
  startedAt: '2026-01-01T00:00:00.000Z',
};

describe('processes of this machine', () => {
  let dir: string;
  beforeEach(async () => (dir = join(await mkdtemp(join(tmpdir(), 'flotilla-run-')), 'run')));
  afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }));

  it('are listed while they run, and not after they ended', async () => {
    expect(await readProcesses(dir)).to.deep.equal([]);
    const remove = await registerProcess({ dir, ...here });
    expect(await readProcesses(dir)).to.deep.equal([here]);
    await remove();
    expect(await readProcesses(dir)).to.deep.equal([]);
  });

  it('are not listed when they were killed, and their records are deleted', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    const { pid = 0 } = child;
    await once(child, 'exit');
    await registerProcess({ dir, ...here, pid });
    expect(await readProcesses(dir)).to.deep.equal([]);
    await registerProcess({ dir, ...here });
    expect(await readdir(dir)).to.deep.equal([`payment-${process.pid}.json`]);
  });

  it('exclude invalid records', async () => {
    await registerProcess({ dir, ...here });
    await writeFile(join(dir, 'half.json'), '{"role": "wor');
    await writeFile(join(dir, 'other.json'), '{"role": "cook", "pid": 1}');
    expect(await readProcesses(dir)).to.deep.equal([here]);
  });
});

describe('fleet status', function () {
  this.timeout(60_000);

  it('reads readiness, circuit breakers and messages in flight from a process', async () => {
    const metrics = createMetrics();
    metrics.breakerState.labels('payment').set(2);
    metrics.breakerState.labels('shipping').set(0);
    metrics.inFlight.labels('payment').set(7);
    metrics.logOffset.labels('journal').set(12);
    metrics.logGaps.labels('journal', 'gap').inc(2);
    metrics.logGaps.labels('journal', 'reset').inc();
    metrics.relayLag.labels('core').set(3);
    metrics.relayWaiting.labels('core').set(23.4);
    metrics.relayLag.labels('payment').set(0);
    metrics.relayWaiting.labels('payment').set(0);
    metrics.topologyRecreated.labels('queue').inc(2);
    metrics.topologyRecreated.labels('exchange').inc();
    metrics.projectionStopped.labels('daily-sales').set(1);
    metrics.projectionStopped.labels('order-summary').set(0);
    const checks = {
      broker: { ok: true, detail: 'ready' },
      payment: { ok: false, detail: 'paused (circuit breaker)', until: '2026-01-01T00:00:10.000Z' },
    };
    const server = createServer((request, response) => {
      if (request.url === '/readyz') response.writeHead(503).end(JSON.stringify({ status: 'not ready', checks }));
      else void metrics.registry.metrics().then((text) => response.end(text));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const report = await probeProcess({ ...here, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
      expect(report).to.deep.include({
        health: 'not ready',
        checks,
        breakers: { payment: 'open', shipping: 'closed' },
        inFlight: { payment: 7 },
        logOffsets: { journal: 12 },
        logAlarms: { journal: 3 },
        unpublished: { core: { events: 3, seconds: 23.4 }, payment: { events: 0, seconds: 0 } },
        topologyRecreated: 3,
        stoppedProjections: ['daily-sales'],
      });
    } finally {
      server.close();
    }
  });

  it('reports a process that does not respond as silent', async () => {
    expect((await probeProcess(here)).health).to.equal('silent');
  });

  it('counts queues, retries, dead letters, consumers and unrouted messages', async () => {
    const bench = await openFixture();
    try {
      const { body, properties } = deadLetterMessage();
      const put = (routingKey: string) => bench.publisher.publish({ exchange: '', routingKey, body, properties });
      await put(bench.names.queue('payment'));
      await put(bench.names.queue('payment'));
      await put(bench.names.retry('payment', 7_200_000));
      await put(bench.names.dead('payment'));
      await bench.publisher.publish({ exchange: bench.names.events, routingKey: 'nobody.listens', body, properties });
      const since = '2025-12-31T23:59:00.000Z';
      const until = '2026-01-01T00:00:08.000Z';
      const consumer = bench.broker.consume(bench.names.queue('shipping'), {
        prefetch: 1,
        onDelivery: () => undefined,
      });
      const process: ProcessReport = {
        ...here,
        health: 'ready',
        checks: {},
        breakers: { payment: 'closed' },
        inFlight: { payment: 3 },
        logOffsets: { journal: 0 },
        logAlarms: { journal: 1 },
        unpublished: {},
        topologyRecreated: 0,
        stoppedProjections: ['daily-sales'],
      };
      const status = await fleetStatus({
        ...bench,
        workers: [...bench.workers, { name: 'absent', patterns: [], retryDelays: [] }],
        queueless: ['journal'],
        readers: ['journal', 'elsewhere'],
        kept: { known: true, value: new Map([['payment', { count: 4, oldest: '2025-12-29T00:00:00.000Z' }]]) },
        processes: [
          process,
          {
            ...process,
            pid: 2,
            health: 'not ready',
            checks: { payment: { ok: false, detail: 'paused (circuit breaker)', since, until } },
            breakers: { payment: 'half-open' },
          },
          {
            ...process,
            pid: 3,
            inFlight: {},
            logAlarms: {},
            checks: { payment: { ok: false, detail: 'paused (circuit breaker)', since: until, until: since } },
            breakers: { payment: 'half-open' },
          },
        ],
        examineUnrouted: async () => ({
          total: 1,
          examined: 1,
          commands: 1,
          events: 0,
          others: 0,
          oldestCommand: '2025-12-31T22:00:00.000Z',
        }),
      });
      expect(status.workers[0]).to.deep.equal({
        worker: 'payment',
        hasQueue: true,
        exists: true,
        ready: 2,
        inFlight: 6,
        retrying: [
          { delay: 3_600_000, ready: 0 },
          { delay: 7_200_000, ready: 1 },
        ],
        dead: 5,
        deadInBroker: 1,
        deadKept: 4,
        oldestDead: '2025-12-29T00:00:00.000Z',
        consumers: 0,
        rates: null,
        breaker: 'half-open',
        breakerSince: since,
        breakerUntil: until,
      });
      expect(status.workers[1]).to.include({ worker: 'shipping', consumers: 1, breaker: null, inFlight: null });
      expect(status.workers[2]).to.include({ worker: 'absent', exists: false });
      expect(status.workers[3]).to.include({ worker: 'journal', hasQueue: false, ready: 0 });
      expect(status.logReaders).to.deep.equal([
        { worker: 'journal', offset: 0, behind: 0, alarms: 2 },
        { worker: 'elsewhere', offset: null, behind: null, alarms: 0 },
      ]);
      const shown = (changed: Partial<FleetStatus> = {}) =>
        statusLines(
          {
            ...status,
            ...changed,
            brokerUrl: 'amqp://somewhere',
            differentSettings: [],
            signingKey: 'ab12cd34',
            fleetKey: null,
            sagas: [],
            quarantined: [],
            ordering: [],
            unread: [],
            abandoned: [],
            missingBindings: [],
          },
          { width: 120, unreachable: false, now: Date.parse(here.startedAt) },
        ).join('\n');
      const lines = shown();
      expect(lines).to.match(/journal +- +- +- +- +- +- +- +-/);
      expect(lines).to.match(/payment .* half-open for 60s, until 00:00:08 UTC \(8s left\)/);
      expect(lines).to.contain('\n  payment: paused (circuit breaker), for 60s, until 00:00:08 UTC (8s left)');
      expect(lines).to.contain('Dead letters (5, the oldest 3d old; 1 of them wait in the broker');
      expect(lines).to.contain('ALARM: commands that no worker binds: 1, the oldest 2h old');
      expect(lines).to.contain('journal is done with the log up to offset 0, 0 behind; ALARM');
      expect(lines).to.contain('ALARM: projection daily-sales is stopped');
      expect(lines).to.contain('elsewhere reads the log: no process on this machine');
      const whole = status.workers.filter(({ worker }) => worker !== 'absent');
      expect(shown({ workers: whole })).not.to.contain('Queues are missing');
      expect(lines).not.to.contain('without a consumer');
      const gone = status.workers.map((worker) =>
        worker.worker === 'shipping' ? { ...worker, ready: 3, consumers: 0 } : worker,
      );
      expect(shown({ workers: gone })).to.match(/^WARNING: queues without a consumer;.*\n {2}shipping$/m);
      const unknown = status.workers.map((worker) => ({
        ...worker,
        retrying: worker.retrying.map(({ delay }) => ({ delay, ready: null })),
      }));
      expect(shown({ workers: unknown })).to.match(/payment +2 +6 +\? +5/);
      const normal = { total: 900, examined: 200, commands: 0, events: 200, others: 0, oldestCommand: null };
      expect(shown({ unrouted: normal }))
        .to.contain(', normal for events (events: 200 among the first 200 of 900), and there may be commands')
        .and.not.contain('ALARM: commands');
      expect(status.unrouted.total).to.equal(1);
      await consumer.close();
    } finally {
      await bench.close();
    }
  });
});
