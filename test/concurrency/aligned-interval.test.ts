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
    mock.timers.reset();
    mock.restoreAll();
  });

  const pass = (milliseconds: number) => {
    for (let n = 0; n < milliseconds; n += 100) {
      now += 100;
      mock.timers.tick(100);
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

  it('does not begin after it was ended', () => {
    let ran = 0;
    alignedInterval(1_000, () => (ran += 1))();
    pass(3_000);
    expect(ran).to.equal(0);
  });
});
