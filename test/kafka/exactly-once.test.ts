import { expect } from 'chai';
import { keepExactlyOnce } from '../chaos/scenarios/kafka.js';
import { seedOf } from '../chaos/support/random.js';
import { testKafka, type TestKafka } from '../support/kafka.js';

describe('Kafka sinks and sources that are killed, frozen and disconnected', function () {
  this.timeout(120_000);
  const seed = seedOf(process.env.CHAOS_SEED);
  let kafka: TestKafka;

  before(async function () {
    kafka = await testKafka(this);
  });

  it(`publish and store each event once, in the order of its subject (CHAOS_SEED=${seed})`, async () => {
    const counts = await keepExactlyOnce({ ...kafka, seed, faults: 5 });
    expect(counts.events).to.be.above(0);
  });
});
