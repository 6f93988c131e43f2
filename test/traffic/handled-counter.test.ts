import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { FlotillaError } from '../../src/errors.js';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { FLUSH_INTERVAL_MS, HandledCounter } from '../../src/traffic/handled-counter.js';
import { handledCounts, migrateHandled } from '../../src/traffic/handled-table.js';
import { ManualClock } from '../../src/testing/harness/manual-clock.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';

const FIXTURE = fileURLToPath(new URL('fixtures/counting-process.ts', import.meta.url));
const T0 = Date.parse('2026-01-01T00:00:00Z');
const logger = silentLogger();

/** An event that is `delay` milliseconds old at T0. */
const event = (delay: number, source = 'core', type = 'order.created') => ({
  source,
  type,
  time: new Date(T0 - delay).toISOString(),
});

describe('counts of handled messages', () => {
  let temp: TempStore;
  let store: Store;
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(() => temp.dispose());

  const stored = async () =>
    (await handledCounts(store.query)).map(({ reader, source, type, count }) => [reader, source, type, count]);

  it('are stored together, 10 seconds after the first one, and by stop', async () => {
    const clock = new ManualClock(() => T0);
    const counter = await HandledCounter.open(store, { logger, clock });
    const count = counter.of('email');
    for (let n = 0; n < 5; n++) count(event(10), T0);
    counter.of('views')(event(10, 'inventory', 'stock.changed'), T0);
    const commits = store.health().commits;
    clock.moveTo(T0 + FLUSH_INTERVAL_MS - 1);
    expect(await stored()).to.deep.equal([]);
    expect(store.health().commits).to.equal(commits); // no commit for a count
    clock.moveTo(T0 + FLUSH_INTERVAL_MS);
    await eventually(async () => (await stored()).length === 2);
    expect(store.health().commits).to.equal(commits + 1);
    expect(await stored()).to.deep.equal([
      ['email', 'core', 'order.created', 5],
      ['views', 'inventory', 'stock.changed', 1],
    ]);
    expect(clock.next).to.equal(undefined); // an idle worker does nothing
    count(event(10), T0 + 1);
    await counter.stop();
    expect((await stored())[0]).to.deep.equal(['email', 'core', 'order.created', 6]);
    expect(clock.next).to.equal(undefined);
  });

  it('contain the delays, and the first and the last time', async () => {
    const counter = await HandledCounter.open(store, { logger });
    const count = counter.of('email');
    count(event(40), T0);
    await counter.flush();
    count(event(-5_000), T0 + 1); // from a clock that is ahead
    await counter.stop();
    const [found] = await handledCounts(store.query);
    expect(found).to.include({ count: 2, firstAt: T0, lastAt: T0 + 1 });
    const filled = found?.delays.sums.flatMap((sum, bucket) => (sum > 0 ? [bucket] : []));
    expect(filled).to.deep.equal([0, 6]); // at most 1 ms, at most 64 ms
  });

  it('contain a sample of the delays of many messages, scaled to their number', async () => {
    const counter = await HandledCounter.open(store, { logger });
    const count = counter.of('email');
    const messages = 10_003;
    for (let n = 0; n < messages; n++) count(event(n % 10 === 3 ? 1_000 : 20), T0);
    await counter.stop();
    const [{ count: total, delays } = { count: 0, delays: { sums: [] } }] = await handledCounts(store.query);
    expect(total).to.equal(messages);
    expect(delays.sums.reduce((sum, each) => sum + each, 0)).to.be.closeTo(messages, 1e-6);
    expect(delays.sums[5]).to.be.closeTo(0.9 * messages, 0.03 * messages); // 16 to 32 ms
    expect(delays.sums[10]).to.be.closeTo(0.1 * messages, 0.03 * messages); // 512 to 1,024 ms
  });

  it('of several processes are added', async () => {
    const others = await Promise.all([1, 2, 3].map(() => HandledCounter.open(store, { logger })));
    for (const counter of others) for (let n = 0; n < 10; n++) counter.of('email')(event(10), T0 + n);
    await Promise.all(others.map((counter) => counter.stop()));
    expect(await stored()).to.deep.equal([['email', 'core', 'order.created', 30]]);
  });

  it('are kept while the store fails, and stored later', async () => {
    const clock = new ManualClock(() => T0);
    let fails = true;
    const { logger, lines } = recordingLogger();
    const failing = {
      service: 'core',
      migrate: store.migrate.bind(store),
      transaction: ((work) =>
        fails ? Promise.reject(new FlotillaError('store.full')) : store.transaction(work)) as Store['transaction'],
    };
    const counter = await HandledCounter.open(failing, { logger, clock });
    const count = counter.of('email');
    count(event(10), T0);
    await counter.flush();
    count(event(10), T0 + 1);
    fails = false;
    clock.moveTo(T0 + 2 * FLUSH_INTERVAL_MS);
    await eventually(async () => (await stored())[0]?.[3] === 2);
    expect(lines.map(({ message }) => message)).to.deep.equal([
      'counts of handled messages were not stored; retrying',
      'counts of handled messages are stored again',
    ]);
  });

  it('have a bound: the sources of foreign events beyond it count as one', async () => {
    const counter = await HandledCounter.open(store, { logger });
    const count = counter.of('email');
    for (let n = 0; n < 150; n++) count(event(10, `source-${n}`), T0);
    await counter.stop();
    const rows = await stored();
    expect(rows).to.have.length(101);
    expect(rows.find(([, source]) => source === 'other')).to.deep.equal(['email', 'other', 'order.created', 50]);
  });

  it('of a killed process lack those since its last commit, and nothing else', async () => {
    await migrateHandled(store);
    const child = fork(FIXTURE, [temp.path]);
    const [message] = (await once(child, 'message')) as [unknown];
    expect(message).to.equal('counted');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await stored()).to.deep.equal([['email', 'core', 'order.created', 100]]);
  });
});
