import { expect } from 'chai';
import { applyTopics, planTopics } from '../../src/kafka/topics/plan-topics.js';
import { checkTopicNames } from '../../src/kafka/topics/topic-name.js';
import { topicOf } from '../../src/kafka/topics/topic-routes.js';
import { shop } from '../support/shop.js';
import { kafkaBench, type KafkaBench } from './support/kafka-bench.js';

describe('Kafka topics', function () {
  this.timeout(40_000);
  let bench: KafkaBench;

  before(async function () {
    this.timeout(60_000);
    bench = await kafkaBench(this);
  });
  after(() => bench?.close());

  it('are created once, and never get another number of partitions', async () => {
    const { client, prefix } = bench;
    const wanted = [{ topic: `${prefix}order-events`, partitions: 3, replicationFactor: 1 }];
    expect(await planTopics(client, wanted)).to.deep.equal([
      { topic: `${prefix}order-events`, problem: 'missing', detail: '3 partitions' },
    ]);
    await applyTopics(client, wanted);
    expect(await applyTopics(client, wanted)).to.deep.equal([]);
    const more = wanted.map((topic) => ({ ...topic, partitions: 5 }));
    expect(await applyTopics(client, more)).to.deep.equal([
      { topic: `${prefix}order-events`, problem: 'partitions', detail: '3 in place of 5' },
    ]);
    expect(await planTopics(client, wanted)).to.deep.equal([]);
  });
});

describe('the name of a Kafka topic', () => {
  for (const [name, problem] of [
    ['', 'not a valid Kafka topic'],
    ['..', 'not a valid Kafka topic'],
    ['order events', 'not a valid Kafka topic'],
    ['order/events', 'not a valid Kafka topic'],
    ['x'.repeat(250), 'not a valid Kafka topic'],
    ['order.events', 'collide'],
  ] as const) {
    it(`is refused: ${JSON.stringify(name.slice(0, 20))}`, () => {
      expect(() => checkTopicNames(['order_events', name])).to.throw(problem);
    });
  }
});

describe('the topic of an event', () => {
  it('is that of the first matching pattern; wildcards match no commands', () => {
    const routes = { 'job.finished': 'finished', 'job.*': 'jobs' };
    const find = topicOf(routes, shop.definitions);
    expect(find('job.finished')).to.equal('finished');
    expect(find('job.begun')).to.equal('jobs');
    expect(find('job.requested')).to.equal(undefined);
    expect(topicOf({ 'job.requested': 'commands' }, shop.definitions)('job.requested')).to.equal('commands');
  });
});
