import { expect } from 'chai';
import { UnavailableError } from 'flotilla';
import { shop } from '../../support/shop.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';

describe('the circuit breaker of a worker', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  const caller = (work: (n: number) => Promise<void>) =>
    shop.defineWorker({
      name: 'caller',
      emits: ['job.finished'],
      prefetch: 10,
      retry: { delays: ['30ms', '30ms'] },
      circuitBreaker: { failures: 3, halfOpenAfter: '50ms', maxHalfOpenAfter: '100ms' },
      on: {
        'job.requested': async ({ data: { n } }, ctx) => {
          await ctx.call('the outside', () => work(n));
          ctx.emit('job.finished', { n });
        },
      },
    });

  it('opens during an outage, dead-letters no message, and handles all of them afterwards', async () => {
    let down = true;
    let calls = 0;
    let enough = () => {};
    const probed = new Promise<void>((resolve) => (enough = resolve));
    const worker = caller(async () => {
      if (!down) return;
      calls += 1;
      if (calls >= 25) enough();
      throw Object.assign(new Error('503'), { status: 503 });
    });
    fleet = await testFleet(worker);
    const { send, event } = fleet;
    await send(...Array.from({ length: 40 }, (_, n) => event('job.requested', { n })));
    await probed;
    expect(fleet.running.state().circuitBreaker).not.to.equal('closed');
    expect(fleet.seen.every(({ outcome }) => outcome === 'retried' || outcome === 'returned')).to.equal(true);
    expect(Math.max(...fleet.seen.map(({ attempt }) => attempt))).to.be.at.most(2);
    down = false;
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'done').length === 40);
    expect(fleet.running.state().circuitBreaker).to.equal('closed');
    expect(await fleet.broker.queueDepth(fleet.names.dead('caller'))).to.include({ ready: 0 });
  });

  it('handles valid messages while a few poison messages always fail', async () => {
    const worker = caller(async (n) => {
      if (n % 5 === 0) throw new UnavailableError('never');
    });
    fleet = await testFleet(worker);
    const { send, event } = fleet;
    await send(...Array.from({ length: 50 }, (_, n) => event('job.requested', { n })));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'done').length === 40);
    // failures count as attempts only while other messages succeed; otherwise they count as an outage
    const traffic = setInterval(() => void send(event('job.requested', { n: 1 })), 20);
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 10);
    clearInterval(traffic);
    expect((await fleet.deadLetters(10)).length).to.equal(10);
  });

  it('counts unavailability of a dependency only, not its error responses', async () => {
    const worker = caller(async () => {
      throw Object.assign(new Error('unprocessable'), { status: 422 });
    });
    fleet = await testFleet(worker);
    const { send, event } = fleet;
    await send(...Array.from({ length: 10 }, (_, n) => event('job.requested', { n })));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 10);
    expect(fleet.running.state().circuitBreaker).to.equal('closed');
    expect(fleet.seen.every(({ outcome }) => outcome !== 'returned')).to.equal(true);
  });
});
