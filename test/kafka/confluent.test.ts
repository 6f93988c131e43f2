import { expect } from 'chai';
import { PartitionEnds } from '../../src/kafka/client/partition-ends.js';
import { loadKafkaClient } from '../../src/kafka/client/load-client.js';
import { missingConfluent } from './support/tested-clients.js';

describe("Confluent's client", () => {
  it('is loaded when it is configured', async function () {
    const loading = loadKafkaClient({ brokers: ['127.0.0.1:1'], client: 'confluent' });
    const missing = missingConfluent();
    if (missing === undefined) {
      await loading;
      return;
    }
    expect(await loading.catch((error: unknown) => error)).to.have.property('code', 'kafka.client_missing');
    console.log(`      ${missing}`);
    this.skip();
  });
});

describe('the offsets without a record of a client that reports only the ends of partitions', () => {
  const begun = (start?: bigint) => {
    const skipped: string[] = [];
    const ends = new PartitionEnds({
      onSkipped: (topic, partition, { first, last }) => skipped.push(`${topic}/${partition} ${first}-${last}`),
      startOf: () => Promise.resolve(start),
    });
    return { ends, skipped };
  };

  it('belong to the batch before them if they are known', () => {
    const { ends, skipped } = begun();
    ends.delivered('t', 0, 4n);
    ends.reached('t', 0, 6n);
    expect(ends.lastOffset('t', 0, 4n)).to.equal(5n);
    // a batch with more records behind it
    expect(ends.lastOffset('t', 0, 3n)).to.equal(3n);
    expect(skipped).to.deep.equal([]);
  });

  it('are reported once the record before them is processed', () => {
    const { ends, skipped } = begun();
    ends.delivered('t', 0, 4n);
    ends.reached('t', 0, 6n);
    ends.processed('t', 0, 3n);
    expect(skipped).to.deep.equal([]);
    ends.processed('t', 0, 4n);
    expect(skipped).to.deep.equal(['t/0 5-5']);
  });

  it('are those behind the offset at which reading continues', () => {
    const { ends, skipped } = begun();
    ends.delivered('t', 0, 4n);
    ends.reached('t', 0, 5n);
    ends.sought('t', 0, 2n);
    // the end was that of the former place
    expect(skipped).to.deep.equal([]);
    ends.reached('t', 0, 4n);
    expect(skipped).to.deep.equal(['t/0 2-3']);
  });

  it('begin where the group began, if nothing was received', async () => {
    const known = begun(7n);
    known.ends.reached('t', 0, 9n);
    const unknown = begun();
    unknown.ends.reached('t', 0, 9n);
    await Promise.resolve();
    expect(known.skipped).to.deep.equal(['t/0 7-8']);
    expect(unknown.skipped).to.deep.equal([]);
  });
});
