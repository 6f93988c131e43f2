import { expect } from 'chai';
import { Watermark } from '../../src/windows/engine/watermark.js';
import { seed, seededRandom } from '../support/seed.js';

const RUNS = 300;
/** By then every source is idle and the wall clock has passed every value. */
const END = 400;

describe('the watermark', () => {
  it(`predicts when the wall clock advances it to a value (TEST_SEED=${seed})`, () => {
    const random = seededRandom('watermark');
    const below = (limit: number) => Math.floor(random() * limit);
    for (let run = 0; run < RUNS; run += 1) {
      const watermark = new Watermark({ grace: below(10), idleAfter: 1 + below(40) });
      let now = 0;
      const events: string[] = [];
      for (let step = below(12); step >= 0; step -= 1) {
        now += below(15);
        const source = `s${below(3)}`;
        const kind = below(8);
        if (kind === 0) watermark.hold(source);
        else if (kind === 1) watermark.release(source, now);
        else watermark.observe(source, now + below(40) - 30, now);
        events.push(`${['hold', 'release'][kind] ?? 'observe'} ${source} at ${now}`);
      }
      const value = now + below(60) - 20;
      let expected = now;
      while (expected < END && watermark.at(expected) < value) expected += 1;
      const predicted = watermark.reachedAt(value, now);
      const shown = `run ${run}, value ${value} from ${now}: ${events.join(', ')}`;
      expect(predicted, shown).to.equal(expected === END ? Infinity : expected);
    }
  });
});
