import { expect } from 'chai';
import { murmur2 } from '../../src/events/murmur2.js';

describe('murmur2', () => {
  // the vectors of Kafka's own tests
  const vectors: readonly [string, number][] = [
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ];
  for (const [text, hash] of vectors) {
    it(`of ${text} is that of Kafka`, () => {
      expect(murmur2(Buffer.from(text))).to.equal(hash);
    });
  }
});
