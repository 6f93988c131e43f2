import { mock } from 'node:test';
import { expect } from 'chai';
import { alignedInterval } from '../../src/concurrency/aligned-interval.js';

describe('an aligned interval', () => {
  let now = 0;
  beforeEach(() => {
    now = 10_400;
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    mock.method(performance, 'now', () => now);
  });
  afterEach(() => {
    mock.restoreAll(); // first: a test may have replaced a timer that is replaced already
    mock.timers.reset();
  });

  const pass = (milliseconds: number, step = 100) => {
    for (let n = 0; n < milliseconds; n += step) {
      now += step;
      mock.timers.tick(step);
    }
  };

  it('runs all work of one interval at the same time, whenever it began', () => {
    const ran: [string, number][] = [];
    const stopOne = alignedInterval(1_000, () => void ran.push(['one', now]));
    pass(300);
    const stopOther = alignedInterval(1_000, () => void ran.push(['other', now]));
    pass(1_500);
    expect(ran).to.deep.equal([
      ['one', 11_000],
      ['other', 11_000],
      ['one', 12_000],
      ['other', 12_000],
    ]);
    stopOne();
    pass(1_000);
    expect(ran.slice(4)).to.deep.equal([['other', 13_000]]);
    stopOther();
    pass(2_000);
    expect(ran).to.have.length(5);
  });

  it('needs one timer, which does not drift', () => {
    const ran: number[] = [];
    const timers = mock.method(globalThis, 'setTimeout');
    const ends = [1, 2].map(() => alignedInterval(1_000, () => void ran.push(now)));
    pass(600, 1);
    now += 37; // the process was busy
    pass(2_000, 1);
    expect(ran).to.deep.equal([11_000, 11_000, 12_037, 12_037, 13_000, 13_000]);
    expect(timers.mock.callCount()).to.equal(4);
    for (const end of ends) end();
  });

  it('does not begin after it was ended', () => {
    let ran = 0;
    alignedInterval(1_000, () => (ran += 1))();
    pass(3_000);
    expect(ran).to.equal(0);
  });
});
