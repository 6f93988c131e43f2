import { watch } from 'node:fs';
import { rm } from 'node:fs/promises';
import { mock } from 'node:test';
import { expect } from 'chai';
import { createEvent, originContext } from '../../../../src/events/create.js';
import { newId } from '../../../../src/events/ids.js';
import { newsPathOf } from '../../../../src/store/sqlite/write/news-file.js';
import { CommitWatch } from '../../../../src/store/sqlite/write/commit-watch.js';
import { shop } from '../../../support/shop.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

describe('the commit watch of a SQLite store', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('reports commits of other stores without polling, one by one', async () => {
    const never = { limits: { pollInterval: 3_600_000 } };
    const one = await temp.open(never);
    const other = await temp.open(never);
    let reports = 0;
    let wake = () => {};
    const stop = one.onAppend(() => {
      reports += 1;
      wake();
    });
    for (let n = 1; n <= 20; n++) {
      const reported = new Promise<void>((resolve) => (wake = resolve));
      const subject = `job/${n}`;
      await other.append(subject, 'none', [
        createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'test', subject })),
      ]);
      if (reports < n) await reported;
    }
    expect(reports).to.equal(20);
    stop();
  });

  it('is not woken by renewals of leases, checkpoints and inbox rows of other stores', async () => {
    const options = { limits: { pollInterval: 3_600_000 } };
    const one = await temp.open(options);
    const other = await temp.open(options);
    let hints = 0;
    const watching = watch(newsPathOf(temp.path), () => (hints += 1));
    const stop = one.onAppend(() => undefined);
    try {
      const lease = await other.acquireLease('relay', 'other', 5_000);
      for (let n = 0; n < 10; n += 1) await other.acquireLease('relay', 'other', 5_000);
      if (lease !== undefined) await other.moveLeasedCheckpoint(lease, 0, 1);
      await other.markHandled({ consumer: 'email', source: 'core', id: newId() });
      expect(hints).to.equal(0);
      // the announcement of an event follows those of the other commits, if there were any
      const notified = new Promise<void>((resolve) => one.onAppend(resolve));
      await other.append('job/1', 'none', [
        createEvent(shop.definitions, 'job.begun', { n: 1 }, originContext({ source: 'test', subject: 'job/1' })),
      ]);
      await notified;
      expect(hints).to.equal(1);
    } finally {
      watching.close();
      stop();
    }
  });

  it('finds commits that were not announced, as of a process that was killed after its commit', async () => {
    const one = await temp.open({ limits: { pollInterval: 10 } });
    const notified = new Promise<void>((resolve) => one.onAppend(resolve));
    await rm(newsPathOf(temp.path)); // the other store announces in another file
    const other = await temp.open();
    await other.append('job/1', 'none', [
      createEvent(shop.definitions, 'job.begun', { n: 1 }, originContext({ source: 'test', subject: 'job/1' })),
    ]);
    await notified;
  });

  it('reports timers, of this store and of other ones', async () => {
    const never = { limits: { pollInterval: 3_600_000 } };
    const one = await temp.open(never);
    const other = await temp.open(never);
    for (const [n, store] of [one, other].entries()) {
      const notified = new Promise<void>((resolve) => one.onAppend(resolve));
      const event = createEvent(
        shop.definitions,
        'job.begun',
        { n },
        originContext({ source: 'test', subject: `job/${n}` }),
      );
      await store.transaction((tx) => tx.schedule({ id: `t${n}`, dueAt: 1_000 - n, event }));
      await notified;
    }
  });
});

describe('polls for commits of other processes', () => {
  let polls = 0;
  let hint = () => {};
  let commits: CommitWatch;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    polls = 0;
    commits = new CommitWatch({
      mark: () => '',
      notices: () => 0,
      poll: () => (polls += 1),
      interval: 3_600_000,
      hints(onHint) {
        hint = onHint;
        return () => undefined;
      },
    });
    commits.listen(() => undefined);
  });
  afterEach(() => {
    commits.stop();
    mock.timers.reset();
  });

  const pollsWithin = (milliseconds: number) => {
    const before = polls;
    for (let n = 0; n < milliseconds; n += 1) mock.timers.tick(1);
    return polls - before;
  };

  it('are made once at a hint', async () => {
    hint();
    hint();
    expect(polls).to.equal(0);
    await new Promise(setImmediate);
    expect(polls).to.equal(1);
    expect(pollsWithin(1_000)).to.equal(0);
  });

  it('are made once within 20 ms after commits of this process', async () => {
    for (let n = 0; n < 10; n += 1) {
      commits.announced();
      hint();
      await new Promise(setImmediate);
      expect(pollsWithin(1)).to.equal(0);
    }
    expect(pollsWithin(10)).to.equal(1);
    expect(pollsWithin(1_000)).to.equal(0);
  });

  it('are made at a hint that follows the hint of an own commit, and then not again', async () => {
    commits.announced();
    hint();
    hint();
    await new Promise(setImmediate);
    expect(polls).to.equal(1);
    expect(pollsWithin(1_000)).to.equal(0);
  });
});
