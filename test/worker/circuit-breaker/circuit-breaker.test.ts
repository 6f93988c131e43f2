import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { systemClock } from '../../../src/concurrency/clock.js';
import { UnavailableError } from '../../../src/errors.js';
import { ManualClock } from '../../../src/testing/harness/manual-clock.js';
import {
  CircuitBreaker,
  CircuitOpenError,
  type CircuitBreakerState,
} from '../../../src/worker/circuit-breaker/circuit-breaker.js';

const unavailable = (message: string) => () => Promise.reject(new UnavailableError(message));

function manualBreaker(settings: { failures: number; halfOpenAfter: number; maxHalfOpenAfter: number }) {
  const clock = new ManualClock(() => 0);
  const changes: CircuitBreakerState[] = [];
  const breaker = new CircuitBreaker(settings, clock, { onChange: (state) => changes.push(state) });
  const pass = (milliseconds: number) => clock.moveTo(clock.now() + milliseconds);
  const fail = (eventId: string) => breaker.execute(eventId, unavailable(eventId)).catch(() => undefined);
  return { breaker, changes, pass, fail };
}

describe('the open time of a circuit breaker', () => {
  it('doubles with each failed probe of a new event, and is reset when the breaker closes', async () => {
    const { breaker, pass, fail } = manualBreaker({ failures: 2, halfOpenAfter: 2, maxHalfOpenAfter: 16 });
    const fails = async (eventId: string) => {
      pass(breaker.openFor);
      await fail(eventId);
      return breaker.openFor;
    };
    await fails('bad 1');
    expect(breaker.state).to.equal('closed');
    expect(await fails('bad 2')).to.equal(2);
    expect(breaker.state).to.equal('open');
    expect(breaker.cause).to.equal('bad 2');
    expect(await fails('bad 3')).to.equal(4);
    for (const known of ['bad 1', 'bad 2', 'bad 3', 'bad 1']) expect(await fails(known), known).to.equal(2);
    for (const time of [8, 16, 16]) expect(await fails(`bad for ${time} ${Math.random()}`)).to.equal(time);
    pass(breaker.openFor);
    await breaker.execute('good', async () => undefined);
    expect(breaker.state).to.equal('closed');
    expect(breaker.cause).to.equal(undefined);
    await fails('bad 1');
    expect(await fails('bad 2')).to.equal(2);
  });

  it('ends on time when the system clock is set back', async () => {
    const settings = { failures: 1, halfOpenAfter: 20, maxHalfOpenAfter: 20 };
    let onProbeDue = () => {};
    const probeDue = new Promise<void>((resolve) => (onProbeDue = resolve));
    const breaker = new CircuitBreaker(settings, systemClock, { onChange: () => undefined, onProbeDue });
    const good = () => breaker.execute('good', async () => 'done');
    const systemTime = Date.now;
    try {
      await breaker.execute('bad', unavailable('away')).catch(() => undefined);
      Date.now = () => systemTime() - 3_600_000;
      expect(await good().catch((error: unknown) => error)).to.be.instanceOf(CircuitOpenError);
      await probeDue;
      expect(await good()).to.equal('done');
    } finally {
      Date.now = systemTime;
    }
    expect(breaker.state).to.equal('closed');
  });
});

describe('a circuit breaker', () => {
  it('runs nothing while open, then one probe at a time while other calls wait for its result', async () => {
    const { breaker, changes, pass, fail } = manualBreaker({ failures: 1, halfOpenAfter: 100, maxHalfOpenAfter: 400 });
    await fail('bad');
    pass(99);
    const ran: string[] = [];
    const run = (eventId: string) => breaker.execute(eventId, async () => void ran.push(eventId));
    expect(await run('early').catch((error: unknown) => error)).to.be.instanceOf(CircuitOpenError);
    expect(breaker.interruption).to.deep.equal({ for: 99, left: 1 });
    pass(1);
    let answer = () => {};
    const probe = breaker.execute('probe', () => new Promise<void>((resolve) => (answer = resolve)));
    const waiting = run('waiting');
    await sleep(0);
    expect(ran).to.deep.equal([]);
    answer();
    await Promise.all([probe, waiting]);
    expect(ran).to.deep.equal(['waiting']);
    expect(changes).to.deep.equal(['open', 'half-open', 'closed']);
    expect(breaker.interruption).to.equal(undefined);
  });

  it('closes after a probe that fails for another reason, because the dependency has responded', async () => {
    const { breaker, changes, pass, fail } = manualBreaker({ failures: 1, halfOpenAfter: 100, maxHalfOpenAfter: 400 });
    await fail('bad');
    pass(100);
    await breaker.execute('refused', () => Promise.reject(new Error('card declined'))).catch(() => undefined);
    expect(changes).to.deep.equal(['open', 'half-open', 'closed']);
  });
});
