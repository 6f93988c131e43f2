import { expect } from 'chai';
import { createEvent, originContext } from '../../../../src/events/create.js';
import { shop } from '../../../support/shop.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

describe('the append watch of a SQLite store', () => {
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
