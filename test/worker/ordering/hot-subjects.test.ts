import { expect } from 'chai';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { HotSubjects } from '../../../src/worker/ordering/hot-subjects.js';
import type { PartitionConsumer } from '../../../src/worker/ordering/partition-consumer.js';
import { PartitionWatch } from '../../../src/worker/ordering/partition-watch.js';
import { seededRandom } from '../../support/seed.js';

const random = seededRandom('hot-subjects');

describe('the metric of the hottest subject', () => {
  it('has the part of the messages that it has, of the partitions that are consumed', async () => {
    const metrics = createMetrics();
    const subjects = new HotSubjects({ elapsed: () => 0 });
    const partitionOf = (queue: string) => ({ queue, idleFor: 0, receivedAt: -Infinity }) as PartitionConsumer;
    let partitions = ['few', 'many', 'left'].map(partitionOf);
    const watch = new PartitionWatch({
      ...{ worker: 'w', partitions: () => partitions, subjects, metrics, stallAfter: Infinity },
      broker: createMemoryBroker(),
      clock: { elapsed: () => 0, every: systemClock.every },
      logger: silentLogger(),
    });
    for (let n = 0; n < 200; n += 1) {
      if (n < 90) subjects.count('few', 'a');
      for (const queue of ['many', 'left']) subjects.count(queue, n % 4 === 0 ? `b${n}` : 'a');
    }
    await watch.check();
    partitions = partitions.slice(0, 2);
    await watch.check();
    const { values } = await metrics.hotSubject.get();
    expect(values.map(({ labels, value }) => [labels.queue, value])).to.deep.equal([
      ['few', 0],
      ['many', 0.75],
    ]);
  });
});

describe('the hottest subjects of a partition', () => {
  let now: number;
  let subjects: HotSubjects;
  beforeEach(() => {
    now = 1_000;
    subjects = new HotSubjects({ elapsed: () => now });
  });

  it('contain each subject with more than a twentieth of the messages, counted never too high', () => {
    const weights = [3_000, 2_000, 600];
    const sent = weights.flatMap((weight, index) => Array.from({ length: weight }, () => `hot ${index}`));
    while (sent.length < 10_000) sent.push(`cold ${sent.length % 2_500}`);
    for (const subject of sent.sort(() => random() - 0.5)) subjects.count('q', subject);
    const { messages, subjects: found } = subjects.of('q');
    expect(messages).to.equal(10_000);
    expect(found).to.have.length.at.most(20);
    for (const [index, weight] of weights.entries()) {
      const count = found.find(({ subject }) => subject === `hot ${index}`)?.count ?? 0;
      expect(count, `hot ${index}`).to.be.within(weight - 500, weight);
    }
    expect(found[0]?.subject).to.equal('hot 0');
    for (const { subject, count } of found) {
      expect(count, subject).to.be.at.most(sent.filter((each) => each === subject).length);
    }
  });

  it('are those of the last minutes', () => {
    subjects.count('q', 'a');
    now += 60_000;
    subjects.count('q', 'b');
    expect(subjects.of('q')).to.deep.equal({
      messages: 2,
      subjects: [
        { subject: 'a', count: 1 },
        { subject: 'b', count: 1 },
      ],
    });
    now += 60_000;
    expect(subjects.of('q').subjects.map(({ subject }) => subject)).to.deep.equal(['b']);
    now += 120_000;
    expect(subjects.of('q')).to.deep.equal({ messages: 0, subjects: [] });
    expect(subjects.of('other').messages).to.equal(0);
  });
});
