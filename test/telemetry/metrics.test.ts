import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createMemoryBroker } from '../../src/broker/memory/broker.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { LogAlarms } from '../../src/event-log/consumers/log-alarms.js';
import { createRelay } from '../../src/outbox/relay.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { SAMPLE_INTERVAL_MS } from '../../src/telemetry/event-loop-delay.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { createTempStore } from '../store/support/temp-store.js';
import { eventually } from '../support/eventually.js';
import { shop } from '../support/shop.js';
import { testFleet } from '../support/test-fleet.js';

const worker = shop.defineWorker({ name: 'tally', on: { 'job.requested': async () => {} } });

describe('metrics', () => {
  it('count dead letters of any code from 0', async () => {
    const metrics = createMetrics();
    const fleet = await testFleet(worker, { metrics });
    try {
      const before = await metrics.registry.metrics();
      for (const outcome of ['done', 'duplicate', 'ignored', 'retried', 'dead', 'returned']) {
        expect(before).to.include(`flotilla_messages_total{worker="tally",outcome="${outcome}"} 0\n`);
      }
      for (const code of [
        'contract.not_json',
        'contract.newer_version',
        'worker.handler_failed',
        'worker.crash_loop',
      ]) {
        expect(before).to.include(`flotilla_dead_letters_total{worker="tally",code="${code}"} 0\n`);
      }
      expect(before).to.include('flotilla_handler_duration_seconds_count{worker="tally"} 0\n');
      await fleet.sendRaw(Buffer.from('no JSON'));
      await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'dead'));
      const after = await metrics.registry.metrics();
      expect(after).to.include('flotilla_messages_total{worker="tally",outcome="dead"} 1\n');
      expect(after).to.include('flotilla_dead_letters_total{worker="tally",code="contract.not_json"} 1\n');
    } finally {
      await fleet.stop();
    }
  });

  it('of relay and log readers start at 0', async () => {
    const metrics = createMetrics();
    const logger = silentLogger();
    const temp = await createTempStore();
    const broker = createMemoryBroker();
    createRelay({ store: await temp.open(), broker, names: namesFor(''), instance: 'one', logger, metrics });
    new LogAlarms('journal', logger, metrics);
    const text = await metrics.registry.metrics();
    for (const code of ['broker.nacked', 'broker.returned', 'broker.timeout', 'broker.disconnected']) {
      expect(text).to.match(new RegExp(`^flotilla_relay_failures_total\\{service="\\w+",code="${code}"\\} 0$`, 'm'));
    }
    expect(text).to.match(/^flotilla_relay_published_total\{service="\w+"\} 0$/m);
    expect(text).to.include('flotilla_log_gaps_total{worker="journal",kind="gap"} 0\n');
    expect(text).to.include('flotilla_log_passed_over_total{worker="journal"} 0\n');
    await broker.close();
    await temp.dispose();
  });

  it('report the delay of the event loop, without the interval of its samples', async () => {
    const { registry } = createMetrics({ process: true });
    const read = async () => {
      const text = await registry.metrics();
      return (name: string) => Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]);
    };
    const delayed = await eventually(async () => {
      await sleep(2 * SAMPLE_INTERVAL_MS);
      const until = performance.now() + 2 * SAMPLE_INTERVAL_MS;
      while (performance.now() < until);
      await sleep(2 * SAMPLE_INTERVAL_MS);
      const value = await read();
      return value('max') >= SAMPLE_INTERVAL_MS / 2_000 && value;
    });
    expect(delayed('min'))
      .to.be.at.least(0)
      .and.below(SAMPLE_INTERVAL_MS / 1_000);
    expect(delayed('p99')).to.be.at.least(delayed('p50'));
  });

  it('report the running build', async () => {
    const build = { service: 'payment', version: '1.2.3', commit: 'abc123' };
    const text = await createMetrics({ process: true, build }).registry.metrics();
    const node = process.versions.node;
    expect(text).to.include(
      `flotilla_build_info{service="payment",version="1.2.3",commit="abc123",node="${node}"} 1\n`,
    );
    for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      expect(name?.endsWith('_total'), `${name} ${type}`).to.equal(type === 'counter');
    }
  });
});
