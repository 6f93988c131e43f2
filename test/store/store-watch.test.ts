import Database from 'better-sqlite3';
import { expect } from 'chai';
import { createRelay } from '../../src/outbox/relay.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import type { Store } from '../../src/store/store.js';
import { StoreWatch, type StoreWatchOptions } from '../../src/store/store-watch.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { codeOf, eventOf } from '../contract/store-events.js';
import { createFakeBroker } from '../outbox/support/fake-broker.js';
import { recordingLogger } from '../support/recording-logger.js';
import { eventually } from '../support/eventually.js';
import { createTempStore, type TempStore } from './support/temp-store.js';

describe('the store watch', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let ending: AbortController;
  let ends: Promise<unknown>[];
  beforeEach(async () => {
    temp = await createTempStore();
    ending = new AbortController();
    ends = [];
  });
  afterEach(async () => {
    ending.abort();
    await Promise.all(ends);
    await temp.dispose();
  });

  function watched(store: Store, options: Partial<StoreWatchOptions> = {}) {
    const metrics = createMetrics();
    const { logger, lines } = recordingLogger();
    const watch = new StoreWatch({ store, logger, metrics, interval: 20, ...options });
    ends.push(watch.run(ending.signal));
    const text = () => metrics.registry.metrics();
    return { watch, lines, text };
  }

  it('is not ready while another process holds the write lock, reports leases without a holder, and recovers', async () => {
    const store = await temp.open({ limits: { lockTimeout: 100 } });
    const { watch, lines, text } = watched(store, { lockLimit: 200 });
    const broker = createFakeBroker(() => 'confirm');
    const relay = createRelay({ store, broker, names: namesFor(''), instance: 'a', leaseTtl: 200 });
    ends.push(relay.run(ending.signal));
    await eventually(() => relay.holding && watch.check().ok);

    const other = new Database(temp.path);
    other.exec('BEGIN IMMEDIATE');
    await eventually(() => watch.check().detail.includes('no process has held the lease relay for'));
    expect(watch.check()).to.include({ ok: false });
    expect(watch.check().detail).to.contain('store.busy');
    expect(await text()).to.match(/flotilla_store_failing\{service="core"\} 1/);
    expect(await text()).to.match(/flotilla_lease_vacant_seconds\{service="core",lease="relay"\} 0\.\d/);
    await eventually(() => lines.filter(({ level }) => level === 'warn').length >= 2);

    other.exec('COMMIT');
    other.close();
    await eventually(() => watch.check().ok);
    await eventually(async () => /flotilla_lease_vacant_seconds\{.*\} 0$/m.test(await text()));
    expect(await text()).to.match(/flotilla_store_failing\{service="core"\} 0/);
    const about = (what: string) => lines.filter(({ message }) => message.includes(what));
    expect(about('no process has held the lease relay')).to.have.length(1); // logged at most once a minute
    expect(about('recovered').map(({ level }) => level)).to.deep.equal(['warn', 'warn']);
  });

  it('tolerates a lock that is held for a short time', async () => {
    const store = await temp.open();
    const { watch } = watched(store, { lockLimit: 60_000 });
    const other = new Database(temp.path);
    other.exec('BEGIN IMMEDIATE');
    const appended = store.append('a/1', 'none', [eventOf('a/1')]);
    await eventually(() => store.health().failure !== undefined);
    expect(watch.check().ok).to.equal(true);
    other.exec('COMMIT');
    other.close();
    await appended;
  });

  it('is not ready while the disk is full, even if small commits succeed, and recovers when space is free', async () => {
    const store = await temp.open({ limits: { maxPages: 120 } });
    const { watch } = watched(store);
    const data = 'x'.repeat(3_000);
    let n = 0;
    await eventually(
      async () => (await codeOf(store.append(`f/${n}`, 'none', [eventOf(`f/${n++}`, { data })]))) === 'store.full',
      {
        every: 0,
      },
    );
    expect(watch.check()).to.include({ ok: false });
    expect(watch.check().detail).to.contain('store.full').and.contain('Free disk space');
    await store.acquireLease('relay', 'a', 5_000); // changes an existing page
    expect(watch.check()).to.include({ ok: false });
    expect(await codeOf(store.probe())).to.equal('store.full');
    expect(watch.check().ok).to.equal(false);

    const roomy = await temp.open();
    await roomy.migrate('test', [
      {
        name: 'free',
        sql: 'CREATE TABLE filler (x BLOB); INSERT INTO filler VALUES (zeroblob(300000)); DROP TABLE filler',
      },
    ]);
    await eventually(() => watch.check().ok);
    expect(await codeOf(store.append('last', 'none', [eventOf('last')]))).to.equal('resolved');
  });

  it('detects a full disk by a probe while nothing is committed', async () => {
    const store = await temp.open({ limits: { maxPages: 120 } });
    const data = 'x'.repeat(3_000);
    const append = () => codeOf(store.append('f', 'any', [eventOf('f', { data })]));
    await eventually('the store is full', async () => (await append()) === 'store.full', { every: 0 });
    const idle = await temp.open({ limits: { maxPages: 120 } });
    const { watch } = watched(idle, { probeAfter: 0 });
    await eventually(() => !watch.check().ok);
    expect(watch.check().detail).to.contain('store.full');
  });
});
