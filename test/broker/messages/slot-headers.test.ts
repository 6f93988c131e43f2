import { expect } from 'chai';
import { PARTITION_COUNTS, partitionHeader, slotHeaders, slotOf } from '../../../src/broker/messages/slot-headers.js';

describe('the slot of a subject', () => {
  it('never changes', () => {
    const subjects = ['order/1', 'order/2', 'account/42', 'Ünicode ☃', ''];
    expect(subjects.map(slotOf)).to.deep.equal([236, 58, 212, 170, 217]);
  });

  it('is in the headers with its partition for each number of partitions', () => {
    const headers = slotHeaders('order/1');
    const slot = slotOf('order/1');
    for (const count of PARTITION_COUNTS) expect(headers[partitionHeader(count)]).to.equal(String(slot % count));
    expect(Object.keys(headers).some((name) => name.startsWith('x-'))).to.equal(false);
  });

  it('distributes subjects evenly among the partitions', () => {
    for (const count of PARTITION_COUNTS) {
      const sizes = new Array<number>(count).fill(0);
      for (let n = 0; n < 10_000; n += 1) {
        const partition = slotOf(`order/${n}`) % count;
        sizes[partition] = (sizes[partition] ?? 0) + 1;
      }
      const even = 10_000 / count;
      for (const size of sizes) expect(size).to.be.within(even * 0.75, even * 1.25);
    }
  });
});
