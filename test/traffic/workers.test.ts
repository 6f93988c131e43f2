import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { harness } from 'flotilla/testing';
import { HEADERS } from '../../src/broker/messages/headers.js';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { HandledCounter } from '../../src/traffic/handled-counter.js';
import { handledCounts } from '../../src/traffic/handled-table.js';
import { jobsProjection } from '../projections/support/jobs.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { shop } from '../support/shop.js';

const worker = shop.defineWorker({
  name: 'tally',
  projections: [jobsProjection()],
  accepts: ({ data }) => (data as { n: number }).n !== 9,
  on: {
    'job.requested': ({ data: { n } }) => {
      if (n === 0) throw new PermanentError('job.empty', 'nothing to do');
    },
  },
});

const job = (n: number, id?: string) => ({ type: 'job.requested', data: { n }, ...(id !== undefined && { id }) });

describe('the messages that a worker counts', () => {
  let temp: TempStore;
  let store: Store;
  let counter: HandledCounter;
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
    counter = await HandledCounter.open(store, { logger: silentLogger() });
  });
  afterEach(() => temp.dispose());

  // the counter of the worker is no public option
  const options = (more: object = {}) => ({ handledCounter: counter, now: Date.now, ...more });
  const counts = async () => {
    await counter.stop();
    return (await handledCounts(store.query)).map(({ reader, type, count }) => `${reader} ${type} ${count}`);
  };

  it('are those that it handled: each once, and no failed or ignored ones', async () => {
    await harness(worker, options()).given(job(1, 'a'), job(2, 'b')).when(job(2, 'b')).result();
    await harness(worker, options()).when(job(0)).deadLetters('job.empty');
    await harness(worker, options()).when(job(9)).ignores();
    expect(await counts()).to.deep.equal(['tally job.requested 2']);
  });

  it('are none of a replay of history, whose events are old', async () => {
    const headers = { [HEADERS.replay]: '01890a5d-ac96-774b-bcce-b302099a8057' };
    const { outcome } = await harness(worker, options({ headers })).when(job(1)).result();
    expect(outcome).to.equal('done');
    expect(await counts()).to.deep.equal([]);
  });

  it('are also those of its projections', async () => {
    await harness(worker, options())
      .given({ type: 'job.begun', data: { n: 1 }, subject: 'job/1' })
      .when({ type: 'job.begun', data: { n: 2 }, subject: 'job/2' })
      .result();
    expect(await counts()).to.deep.equal([`${jobsProjection().name} job.begun 2`]);
  });
});
