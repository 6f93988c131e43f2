import { expect } from 'chai';
import { Backoff, backoffDelay } from '../../src/concurrency/backoff.js';
import type { StartTimer } from '../../src/concurrency/clock.js';
import { KeyedQueue } from '../../src/concurrency/keyed-queue.js';
import { Presence } from '../../src/concurrency/presence.js';
import { Semaphore } from '../../src/concurrency/semaphore.js';
import { SerialQueue } from '../../src/concurrency/serial-queue.js';
import { sleep } from '../../src/concurrency/sleep.js';
import { Wakeup } from '../../src/concurrency/wakeup.js';

describe('concurrency primitives', () => {
  describe('sleep', () => {
    const timers: { milliseconds: number; fire: () => void; cancelled: boolean }[] = [];
    const after: StartTimer = (milliseconds, fire) => {
      const timer = { milliseconds, fire, cancelled: false };
      timers.push(timer);
      return () => (timer.cancelled = true);
    };
    beforeEach(() => (timers.length = 0));

    it('ends with the timer of the injected clock', async () => {
      const sleeping = sleep(250, new AbortController().signal, after);
      expect(timers.map(({ milliseconds }) => milliseconds)).to.deep.equal([250]);
      timers[0]?.fire();
      await sleeping;
    });

    it('ends when the signal aborts, and cancels the timer', async () => {
      const stop = new AbortController();
      const sleeping = sleep(250, stop.signal, after);
      stop.abort(new Error('a reason that sleep must not throw'));
      await sleeping;
      expect(timers[0]?.cancelled).to.equal(true);
    });

    it('starts no timer when the signal is already aborted', async () => {
      await sleep(250, AbortSignal.abort(), after);
      expect(timers).to.have.length(0);
    });
  });

  it('a serial queue runs work in the order of the calls, one at a time, also after a failure', async () => {
    const queue = new SerialQueue();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      if (name === 'a') throw new Error(name);
      return name;
    };
    const [a, b] = await Promise.allSettled([queue.run(work('a')), queue.run(work('b')), queue.settled()]);
    expect([a.status, b.status]).to.deep.equal(['rejected', 'fulfilled']);
    expect(log).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('a keyed queue runs work of one key in order, also after a failure, beside that of other keys', async () => {
    const queue = new KeyedQueue();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      if (name === 'a1') throw new Error(name);
    };
    const running = [queue.run('a', work('a1')), queue.run('a', work('a2')), queue.run('b', work('b1'))];
    expect(queue.size).to.equal(2);
    const settled = await Promise.allSettled(running);
    expect(settled.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled']);
    expect(log.slice(0, 2)).to.deep.equal(['a1 begins', 'b1 begins']);
    expect(log.indexOf('a1 ends')).to.be.below(log.indexOf('a2 begins'));
    expect(queue.size).to.equal(0);
  });

  it('a keyed queue begins the next task of a key when the one before passes its turn', async () => {
    const queue = new KeyedQueue();
    let settle = () => {};
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const first = queue.run('a', (pass) => {
      pass();
      return settled;
    });
    expect(await queue.run('a', () => Promise.resolve('second'))).to.equal('second');
    settle();
    await first;
    expect(queue.size).to.equal(0);
  });

  it('a keyed queue hands something over to the next task, until the one before has ended', async () => {
    const queue = new KeyedQueue<string>();
    let settle = () => {};
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const first = queue.run('a', (pass) => {
      pass('from the first');
      return settled;
    });
    const second = queue.run('a', async (pass, before) => {
      expect(before?.handover).to.equal('from the first');
      settle();
      await before?.ended;
      expect(before?.handover).to.equal(undefined);
      pass('from the second');
    });
    const third = queue.run('a', (_, before) => Promise.resolve(before?.handover));
    await Promise.all([first, second]);
    expect(await third).to.equal('from the second');
  });

  it('a semaphore runs as many tasks as it allows, the others in the order of the calls', async () => {
    const semaphore = new Semaphore(2);
    const log: string[] = [];
    let running = 0;
    const task = (name: string, fails = false) =>
      semaphore.run(async () => {
        running += 1;
        expect(running).to.be.at.most(2);
        log.push(name);
        await sleep(1);
        running -= 1;
        if (fails) throw new Error(name);
      });
    await Promise.allSettled([task('a'), task('b', true), task('c'), task('d')]);
    expect(log).to.deep.equal(['a', 'b', 'c', 'd']);
    await task('e');
    expect(running).to.equal(0);
  });

  it('a presence may exist until a look that began after the last change finds nothing', async () => {
    const looks: ((exists: boolean) => void)[] = [];
    const presence = new Presence(() => new Promise<boolean>((resolve) => looks.push(resolve)));
    const answer = async (exists: boolean) => {
      looks.shift()?.(exists);
      await sleep(1);
    };
    expect(presence.may).to.equal(true);
    await answer(false);
    expect(presence.may).to.equal(false);
    presence.changed();
    presence.changed();
    expect(presence.may).to.equal(true);
    await answer(false);
    expect(presence.may, 'outdated').to.equal(true);
    await answer(true);
    expect(presence.may).to.equal(true);
    presence.changed();
    await answer(false);
    expect(presence.may).to.equal(false);
  });

  it('backoff doubles up to its limit, is shortened by up to half, and starts again after a reset', () => {
    const limits = { first: 100, most: 1_000 };
    expect([1, 2, 3, 4, 5, 100].map((failures) => backoffDelay(failures, limits, () => 0))).to.deep.equal([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(backoffDelay(1, limits, () => 1)).to.equal(50);
    const backoff = new Backoff(100, 1_000, () => 0);
    expect([backoff.next(), backoff.next()]).to.deep.equal([100, 200]);
    backoff.ease();
    expect(backoff.next()).to.equal(200);
    backoff.reset();
    expect(backoff.next()).to.equal(100);
  });

  it('a wakeup keeps a notification until the next wait', async () => {
    const wakeup = new Wakeup();
    wakeup.notify();
    wakeup.notify();
    await wakeup.wait(60_000);
    const waiting = wakeup.wait(60_000);
    wakeup.notify();
    await waiting;
  });
});
