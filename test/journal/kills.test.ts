import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { migrateJournal } from '../../src/journal/migrations.js';
import { countJournal } from '../../src/journal/search.js';
import type { Store } from '../../src/store/store.js';
import { numbers, openLogFixture, record, type LogFixture } from '../event-log/support/log-fixture.js';
import { testBroker } from '../support/rabbitmq.js';
import { eventually } from '../support/eventually.js';
import { seededRandom } from '../support/seed.js';

const FIXTURE = fileURLToPath(new URL('fixtures/journal-process.ts', import.meta.url));

describe('a journal that is killed', function () {
  this.timeout(120_000);
  let bench: LogFixture;
  let store: Store;
  let jobs: Store;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    bench = await openLogFixture('rabbitmq');
    store = await bench.open('journal');
    await migrateJournal(store);
    jobs = await bench.open('jobs');
  });
  afterEach(async () => {
    await kill();
    await bench.close();
  });

  const start = async (point = ''): Promise<ChildProcess> => {
    const { amqpUrl } = await testBroker();
    child = fork(FIXTURE, [point, amqpUrl, bench.opened.prefix, bench.folder]);
    return child;
  };
  const died = async (started: ChildProcess) => {
    if (started.exitCode === null && started.signalCode === null) await once(started, 'exit');
    expect(started.signalCode).to.equal('SIGKILL');
  };
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const has = (count: number) => eventually(async () => (await countJournal(store)) >= count);
  /** Expects every event of the store, and no other. */
  const sameAsStore = async () => {
    const kept = await store.query<{ id: string; body: string }>`SELECT id, body FROM journal_events ORDER BY id`;
    const said = await jobs.readAll(0, 100_000);
    const expected = said.map(({ id, body }) => ({ id, body })).sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(kept.map(({ id }) => id)).to.deep.equal(expected.map(({ id }) => id));
    expect(kept).to.deep.equal(expected);
  };

  it('after it committed a batch, has no duplicates and no missing events', async () => {
    await bench.publish(...(await record(jobs, numbers(1, 700))));
    for (const nth of [1, 2]) await died(await start(`journal.committed:${nth}`));
    await bench.publish(...(await record(jobs, numbers(701, 900))));
    await died(await start('journal.committed:1'));
    await start();
    await has(900);
    await sameAsStore();
  });

  it('while it fills a gap, continues and marks the gap as filled', async () => {
    await record(jobs, numbers(1, 2500));
    await bench.publish(...(await record(jobs, numbers(2501, 2510))));
    for (const nth of [1, 2]) await died(await start(`journal.filled:${nth}`));
    const [source] = await store.query<{ position: number }>`SELECT position FROM journal_sources`;
    expect(Number(source?.position), 'one page, then two more from there').to.equal(1500);
    await start();
    await has(2510);
    await sameAsStore();
    await eventually(async () => (await store.query`SELECT 1 FROM journal_gaps WHERE filled_at IS NULL`).length === 0);
  });

  it('at any time, with the stream recreated in between, has all events of the stores', async () => {
    const random = seededRandom('journal kills');
    let last = 0;
    for (const round of numbers(1, 4)) {
      const events = await record(jobs, numbers(last + 1, last + 300));
      last += 300;
      if (round === 3) await bench.recreateStream();
      await bench.publish(...events.slice(100));
      const started = await start();
      const before = (round - 1) * 300;
      await has(before + Math.floor(random() * 150));
      started.kill('SIGKILL');
      await died(started);
    }
    await bench.recreateStream();
    await bench.publish(...(await record(jobs, numbers(last + 1, last + 5))));
    await start();
    await has(last + 5);
    await sameAsStore();
  });
});
