import { mock } from 'node:test';
import { expect } from 'chai';
import { createEvent, originContext } from '../../../../src/events/create.js';
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
  let watch: CommitWatch;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    polls = 0;
    watch = new CommitWatch({
      mark: () => '',
      notices: () => 0,
      poll: () => (polls += 1),
      interval: 3_600_000,
      hints(onHint) {
        hint = onHint;
        return () => undefined;
      },
    });
    watch.listen(() => undefined);
  });
  afterEach(() => {
    watch.stop();
    mock.timers.reset();
  });

  const pollsWithin = (milliseconds: number) => {
    const before = polls;
    for (let n = 0; n < milliseconds; n += 1) mock.timers.tick(1);
    return polls - before;
  };

  it('begin 1 ms after a hint, and are repeated because the commit may be incomplete', () => {
    hint();
    expect(pollsWithin(1)).to.equal(1);
    expect(pollsWithin(1_000)).to.equal(3);
  });

  it('are few while hints arrive continuously', () => {
    for (let n = 0; n < 1_000; n += 1) {
      hint();
      mock.timers.tick(1);
    }
    expect(polls).to.be.within(50, 150);
  });

  it('are made once within 20 ms after commits of this process', () => {
    for (let n = 0; n < 10; n += 1) {
      watch.committed();
      hint();
      expect(pollsWithin(1)).to.equal(0);
    }
    expect(pollsWithin(10)).to.equal(1);
    expect(pollsWithin(1_000)).to.equal(0);
  });

  it('begin 1 ms after a hint that follows the hint of an own commit', () => {
    watch.committed();
    hint();
    hint();
    expect(pollsWithin(1)).to.equal(1);
  });

  it('continue after a hint of another process when this process commits', () => {
    hint();
    watch.committed();
    hint();
    expect(pollsWithin(1_000)).to.equal(4);
  });
});
