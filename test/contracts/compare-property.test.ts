import { expect } from 'chai';
import fc from 'fast-check';
import { seed } from '../support/seed.js';
import { pairs, schemaOf, valuesOf, type Description } from './support/descriptions.js';
import { changesOf, reads } from './support/pairs.js';

const PAIRS = 600;
const VALUES = 8;

describe('a pair of schemas that the gate calls safe', function () {
  this.timeout(60_000);

  const several = (description: Description) =>
    fc.array(valuesOf(description), { minLength: VALUES, maxLength: VALUES });

  it(`has no value of the writer that the reader refuses (TEST_SEED=${seed})`, () => {
    let safe = 0;
    fc.assert(
      fc.property(
        pairs.chain((pair) => fc.tuple(fc.constant(pair), several(pair.before), several(pair.after))),
        ([{ before, after }, stored, written]) => {
          const [old, now] = [schemaOf(before), schemaOf(after)];
          const changes = changesOf(old, now);
          const isSafe = (direction: 'backward' | 'forward') =>
            changes.every((change) => change[direction] !== 'breaks');
          if (isSafe('backward')) {
            safe += 1;
            for (const data of stored) expect(reads(now, data), `stored ${JSON.stringify(data)}`).to.equal(true);
          }
          if (isSafe('forward')) {
            for (const data of written) expect(reads(old, data), `written ${JSON.stringify(data)}`).to.equal(true);
          }
        },
      ),
      { numRuns: PAIRS, seed },
    );
    expect(safe).to.be.greaterThan(PAIRS / 10);
  });

  it(`is also safe with itself (TEST_SEED=${seed})`, () => {
    fc.assert(
      fc.property(pairs, ({ before }) => {
        const schema = schemaOf(before);
        const breaking = changesOf(schema, schema).filter(
          ({ backward, forward }) => backward === 'breaks' || forward === 'breaks',
        );
        expect(breaking).to.deep.equal([]);
      }),
      { numRuns: PAIRS, seed },
    );
  });
});
