import { expect } from 'chai';
import kafkajs from 'kafkajs';
import { groupable, javaPartitioner } from '../../src/kafka/client/kafkajs-messages.js';
import { seed, seededRandom } from '../support/seed.js';

describe('the messages of a send by KafkaJS', () => {
  const random = seededRandom('partitions');
  const below = (limit: number) => Math.floor(random() * limit);
  const key = () => `order/${Array.from({ length: below(40) }, () => 'aZ0-é😀ß'[below(8)] ?? '').join('')}`;
  const messages = Array.from({ length: 2_000 }, (_, n) => ({ key: key(), value: String(n), headers: {} }));

  it(`are in the partitions of its own partitioner, which is Java's (TEST_SEED=${seed})`, () => {
    const theirs = kafkajs.Partitioners.DefaultPartitioner();
    for (const partitions of [1, 3, 12]) {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        ...{ partitionId, partitionErrorCode: 0, leader: 0, replicas: [], isr: [] },
      }));
      for (const message of messages) {
        const place = { topic: 'orders', partitionMetadata, message };
        expect(javaPartitioner()(place), message.key).to.equal(theirs(place));
      }
    }
  });

  it('are grouped as it groups them, in order, and reduced in any other way as an array is', () => {
    type Groups = Record<string, typeof messages>;
    const add = (groups: Groups, message: (typeof messages)[number]): Groups => {
      const partition = String(message.key.length % 3);
      return Object.assign(groups, { [partition]: [...(groups[partition] ?? []), message] });
    };
    expect(groupable(messages).reduce(add, {})).to.deep.equal(messages.reduce(add, {}));
    const sum = (total: number, { value }: { value: string }) => Number(total) + Number(value);
    expect(groupable(messages).reduce(sum, 0)).to.equal(messages.reduce(sum, 0));
    const values = (groups: Record<string, string[]>, { value }: { value: string }) => ({
      ...groups,
      [value.length]: [...(groups[value.length] ?? []), value],
    });
    expect(groupable(messages).reduce(values, {})).to.deep.equal(messages.reduce(values, {}));
  });
});
