import { expect } from 'chai';
import fc from 'fast-check';
import { delayBucket, delayQuantile, DELAY_BUCKETS } from '../../src/traffic/delays.js';
import { addRecent, perHour, type Recent } from '../../src/traffic/recent.js';
import { seed } from '../support/seed.js';

describe('the histogram of delays', () => {
  it('estimates a quantile in the bucket of the exact one', () => {
    const delay = fc.oneof(fc.integer({ min: -10, max: 100 }), fc.integer({ min: 0, max: 10_000_000 }));
    fc.assert(
      fc.property(fc.array(delay, { minLength: 1, maxLength: 200 }), fc.constantFrom(0.5, 0.95), (delays, share) => {
        const buckets = new Array<number>(DELAY_BUCKETS).fill(0);
        for (const each of delays) buckets[delayBucket(each)] = (buckets[delayBucket(each)] ?? 0) + 1;
        const exact = [...delays].sort((a, b) => a - b)[Math.ceil(share * delays.length) - 1] ?? 0;
        const estimate = delayQuantile(buckets, share) ?? NaN;
        // the lower bound of the last bucket belongs to the bucket before it
        const last = DELAY_BUCKETS - 1;
        expect(Math.min(delayBucket(estimate), last - 1)).to.equal(Math.min(delayBucket(exact), last - 1));
      }),
      { seed, numRuns: 300 },
    );
    expect(delayQuantile([], 0.5)).to.equal(undefined);
    expect(delayQuantile([0, 0], 0.5)).to.equal(undefined);
  });
});

describe('recent sums', () => {
  const one = (at: number): Recent => ({ at, sums: [1] });
  const HOUR = 3_600_000;

  it('do not depend on the order of the events', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10 * HOUR }), { minLength: 1, maxLength: 50 }), (times) => {
        const sum = (order: number[]) => order.map(one).reduce(addRecent);
        const now = 11 * HOUR;
        const exact = times.reduce((total, at) => total + Math.exp((at - now) / HOUR), 0);
        expect(perHour(sum(times), now)).to.be.closeTo(exact, 1e-9 * exact);
        expect(perHour(sum([...times].reverse()), now)).to.be.closeTo(exact, 1e-9 * exact);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('give the rate of a steady flow, and fall to nothing when it ends', () => {
    const steady = Array.from({ length: 12 * 60 }, (_, minute) => one(minute * 60_000)).reduce(addRecent);
    expect(perHour(steady, 12 * HOUR)).to.be.closeTo(60, 1.5);
    expect(perHour(steady, 36 * HOUR)).to.be.lessThan(0.001);
    // the clock was set back
    expect(perHour(steady, 0)).to.be.closeTo(60, 1.5);
  });
});
