import { expect } from 'chai';
import { UnavailableError, type Worker } from 'flotilla';
import { simulation } from 'flotilla/simulation';
import { shop } from '../../support/shop.js';
import { begin } from './counting.js';

const OUTAGE_MS = 10 * 60_000;
const JOBS = 12;

const caller = (circuitBreaker: { failures: number; halfOpenAfter: string; maxHalfOpenAfter: string }): Worker =>
  shop.defineWorker({
    name: 'caller',
    setup: () => ({ call: async (): Promise<void> => undefined }),
    retry: { delays: ['1s', '10s'] },
    circuitBreaker,
    emits: ['job.finished'],
    on: {
      'job.begun': async ({ data: { n } }, ctx) => {
        await ctx.call('gateway', () => ctx.use.call());
        ctx.emit('job.finished', { n });
      },
    },
  });

/** A gateway that is unavailable for ten virtual minutes, and jobs that start during that time. */
const outage = (worker: Worker) =>
  simulation({
    workers: [worker],
    setup(run) {
      const end = run.now() + OUTAGE_MS;
      const calls: number[] = [];
      const call = run.externalCall('gateway', () => {
        calls.push(run.now() - end + OUTAGE_MS);
        if (run.now() < end) throw new UnavailableError('503');
      });
      return { calls, use: { caller: { call } } };
    },
    async scenario(run) {
      for (let n = 1; n <= JOBS; n++) await begin(run, n);
    },
    async check(run, { calls }) {
      const finished = (await run.store('caller').readAll(0)).filter(({ type }) => type === 'job.finished');
      expect(finished).to.have.length(JOBS);
      expect(run.deadLetters).to.deep.equal([]);
      const during = calls.filter((at) => at > 60_000 && at < OUTAGE_MS);
      expect(during.length, 'probes').to.be.within(2, 20);
    },
  });

describe('an outage in a simulated run', () => {
  it('opens the circuit breaker, pauses consumption, probes, and closes it when the dependency is back', async () => {
    const breaker = { failures: 5, halfOpenAfter: '30s', maxHalfOpenAfter: '2m' };
    const { trace, virtualTime } = await outage(caller(breaker)).run({ seed: 1 });
    const states = trace.flatMap((line) => /the circuit breaker is (\S+)/.exec(line)?.[1] ?? []);
    expect(states.slice(0, 3)).to.deep.equal(['open', 'half-open', 'open']);
    expect(states.slice(-2)).to.deep.equal(['half-open', 'closed']);
    expect(states.filter((state) => state === 'half-open').length).to.be.greaterThan(3);
    expect(virtualTime).to.be.greaterThan(OUTAGE_MS);
  });

  it('uses up the attempts of messages if the circuit breaker does not open', async () => {
    const never = { failures: 1_000_000, halfOpenAfter: '30s', maxHalfOpenAfter: '2m' };
    const { error, deadLetters } = await outage(caller(never)).attempt({ seed: 1 });
    expect(error).to.be.an('error');
    expect(deadLetters.length).to.equal(JOBS);
  });
});
