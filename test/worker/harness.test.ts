import { expect } from 'chai';
import { harness } from 'flotilla/testing';
import { shop, tallyMigrations } from '../support/shop.js';

const worker = shop.defineWorker({
  name: 'tally',
  emits: ['job.finished', 'job.failed'],
  migrations: tallyMigrations,
  on: {
    'job.requested': async ({ data: { n } }, ctx) => {
      const [row] = await ctx.query<{ n: number }>`select count(*) as n from tally`;
      if (n < 0) throw new Error('negative');
      ctx.write(async (tx) => void (await tx.sql`insert into tally values (${n}, ${ctx.attempt})`));
      ctx.emit('job.finished', { n: n + (row?.n ?? 0) });
    },
  },
});

const job = (n: number) => ({ type: 'job.requested', data: { n } });

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return String(error);
  }
  return 'it held';
}

describe('the test harness', () => {
  it('shows what a worker emits after what it has seen before', async () => {
    await harness(worker)
      .given(job(1), job(2))
      .when(job(10))
      .emits({ type: 'job.finished', data: { n: 12 } });
  });

  it('fails when something else, too much or nothing is emitted', async () => {
    const scenario = harness(worker).when(job(1));
    expect(await failure(scenario.emits())).to.contain('Expected');
    expect(await failure(scenario.emits({ type: 'job.finished', data: { n: 2 } }))).to.contain('Expected');
    expect(await failure(scenario.retries())).to.contain('Expected');
    expect(await failure(scenario.deadLetters('x'))).to.contain('Expected');
  });

  it('tells a retry from a dead letter', async () => {
    await harness(worker).when(job(-1)).retries('worker.handler_failed');
    await harness(worker, { headers: { 'flotilla-attempt': 5 } })
      .when(job(-1))
      .deadLetters('worker.handler_failed');
  });
});
