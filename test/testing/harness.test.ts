import { expect } from 'chai';
import { PermanentError, UnavailableError } from 'flotilla';
import { harness } from 'flotilla/testing';
import { shop, tallyMigrations } from '../support/shop.js';

const worker = shop.defineWorker({
  name: 'tally',
  emits: ['job.begun', 'job.finished', 'job.failed'],
  migrations: tallyMigrations,
  retry: { delays: ['1s', '10s'] },
  on: {
    'job.requested': async ({ data: { n } }, ctx) => {
      const [row] = await ctx.query<{ n: number }>`select count(*) as n from tally`;
      if (n < 0 && ctx.attempt < -n) throw new Error(`negative at attempt ${ctx.attempt}`);
      if (n === 0) throw new PermanentError('job.empty', 'nothing to do');
      ctx.write(async (tx) => void (await tx.sql`insert into tally values (${n}, ${ctx.attempt})`));
      ctx.emit('job.finished', { n: n + (row?.n ?? 0) });
    },
    'job.begun': ({ data: { n } }, ctx) => {
      ctx.schedule('30m', 'job.failed', { n, reason: 'too late' });
      if (n > 0) ctx.schedule('10m', 'job.begun', { n: n - 1 });
    },
  },
});

const job = (n: number) => ({ type: 'job.requested', data: { n } });
const begun = (n: number) => ({ type: 'job.begun', data: { n } });
const late = (n: number) => ({ type: 'job.failed', data: { n, reason: 'too late' } });

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it held');
}

describe('the test harness', () => {
  it('reports the events that a worker emits after given events', async () => {
    await harness(worker)
      .given(job(1), job(2))
      .when(job(10))
      .emits({ type: 'job.finished', data: { n: 12 } });
  });

  it('fails when other events, too many or none are emitted', async () => {
    const scenario = harness(worker).when(job(1));
    const nothing = await failure(scenario.emits());
    expect(nothing.message).to.match(/^tally: when\(job\.requested about test\/1\): other events than expected\n/);
    expect(nothing).to.deep.include({ expected: { emitted: [] } });
    const other = await failure(scenario.emits({ type: 'job.finished', data: { n: 2 } }));
    expect(other.message)
      .to.match(/^\+ +n: 1$/m)
      .and.match(/^- +n: 2$/m);
    expect((await failure(scenario.retries())).message).to.contain('ended "done", not as expected');
    expect((await failure(scenario.deadLetters('x'))).message).to.contain('ended "done", not as expected');
  });

  it('distinguishes a retry from a dead letter', async () => {
    await harness(worker).when(job(-9)).retries('worker.handler_failed');
    await harness(worker).when(job(0)).deadLetters('job.empty');
    await harness(worker, { headers: { 'flotilla-attempt': 3 } })
      .when(job(-9))
      .deadLetters('worker.handler_failed');
  });

  it('reports which given event was not handled, the reason and the thrown error', async () => {
    const wrong = await failure(
      harness(worker)
        .given(job(1), { ...job(-9), subject: 'job/9', id: 'ninth' })
        .when(job(2))
        .emits(),
    );
    expect(wrong.message).to.match(
      /^tally: given\(job\.requested about job\/9, id ninth\), step 2 of 3, ended "retried".*: worker\.handler_failed: negative at attempt 1\n/,
    );
    expect(wrong.cause).to.be.instanceOf(Error).with.property('message', 'negative at attempt 1');
    expect((wrong.cause as Error).stack).to.contain('harness.test.ts');
  });

  it('reports the error of the handler when another outcome was expected', async () => {
    const wrong = await failure(harness(worker).when(job(-9)).emits());
    expect(wrong.message).to.contain('ended "retried"').and.contain('worker.handler_failed: negative at attempt 1');
    expect(wrong.cause).to.have.property('message', 'negative at attempt 1');
    const code = await failure(harness(worker).when(job(0)).deadLetters('job.full'));
    expect(code.message)
      .to.contain('job.empty: nothing to do')
      .and.match(/^- +code: 'job\.full'/m);
  });

  it('reports an event that does not match the catalogue by its type', async () => {
    const wrong = await failure(
      harness(worker)
        .given({ type: 'job.requested', data: { n: 'one' } })
        .when(job(1))
        .emits(),
    );
    expect(wrong.message).to.match(/^tally: job\.requested is no event of the catalogue: .*\bn\b/);
    expect(wrong.cause).to.have.property('code', 'contract.invalid_data');
  });

  it('fails with an explanation without when or advance', async () => {
    expect((await failure(harness(worker).given(job(1)).emits())).message).to.contain('has no step to check');
  });

  it('reports scheduled timers, and fails when they differ', async () => {
    await harness(worker)
      .when(begun(1))
      .schedules({ ...begun(0), in: '10m' }, { ...late(1), in: '30m' });
    const now = Date.parse('2026-01-01T00:00:00Z');
    const fixed = harness(worker, { now: () => now }).when(begun(0));
    await fixed.schedules({ ...late(0), at: '2026-01-01T00:30:00.000Z' });
    expect((await fixed.result()).scheduled).to.deep.equal([
      { ...late(0), subject: 'test/1', at: '2026-01-01T00:30:00.000Z' },
    ]);
    const wrong = await failure(fixed.schedules({ ...late(0), in: '1h' }));
    expect(wrong.message)
      .to.contain('other timers than expected')
      .and.match(/^- +at: '2026-01-01T01:00:00.000Z'/m);
    expect((await failure(fixed.schedules())).message).to.contain('other timers than expected');
  });

  it('advances time: fires each timer when it is due, and the worker handles its own events', async () => {
    const scenario = harness(worker).when(begun(1));
    await scenario.advance('9m').emits();
    await scenario.advance('10m').emits(begun(0));
    await scenario.advance('10m').schedules({ ...late(1), in: '20m' }, { ...late(0), in: '30m' });
    await scenario.advance('1h').emits(begun(0), late(1), late(0));
    await scenario.advance('1h').schedules();
    await scenario.advance('10m').advance('20m').emits(late(1));
    const { emitted } = await scenario.advance('10m').when(job(5)).result();
    expect(emitted).to.deep.equal([{ type: 'job.finished', subject: 'test/1', data: { n: 5 } }]);
  });

  it('advances time to a retry, and reports its outcome', async () => {
    const scenario = harness(worker).when(job(-3));
    await scenario.retries();
    await scenario.advance('1s').retries('worker.handler_failed');
    await scenario
      .advance('1s')
      .advance('10s')
      .emits({ type: 'job.finished', data: { n: -3 } });
    await harness(worker).when(job(-9)).advance('1s').advance('10s').deadLetters('worker.handler_failed');
  });

  it('runs the circuit breaker on its clock, and handles waiting messages after the open time', async () => {
    const caller = shop.defineWorker({
      name: 'caller',
      setup: () => ({ calls: 0 }),
      emits: ['job.finished'],
      retry: { delays: ['1s', '10s'] },
      circuitBreaker: { failures: 1, halfOpenAfter: '10m' },
      on: {
        'job.requested': async ({ data: { n } }, ctx) => {
          await ctx.call('gateway', async () => {
            ctx.use.calls += 1;
            if (ctx.use.calls === 1) throw new UnavailableError('away');
          });
          ctx.emit('job.finished', { n });
        },
      },
    });
    await harness(caller).when(job(1)).retries('worker.unavailable');
    await harness(caller).when(job(1)).advance('9m').emits();
    await harness(caller)
      .when(job(1))
      .advance('9m')
      .advance('1m')
      .emits({ type: 'job.finished', data: { n: 1 } });
  });
});
