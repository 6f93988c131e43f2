import { expect } from 'chai';
import { testBroker } from '../support/rabbitmq.js';
import { keepSequence } from './scenarios/ordered-sequences.js';
import { keepOrder } from './scenarios/ordered-subjects.js';
import { seedOf } from './support/random.js';

describe('an ordered worker with killed replicas', function () {
  this.timeout(400_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`handles each event once and in the order of its subject (CHAOS_SEED=${seed})`, async () => {
    const { parked } = await keepOrder({ ...(await testBroker()), seed, events: 150, kills: 4 });
    expect(parked).to.be.above(0);
  });

  it(`handles consecutive numbers in order, also if events arrive late, never or by a replay (CHAOS_SEED=${seed})`, async () => {
    const { gaps, released, replays } = await keepSequence({ ...(await testBroker()), seed, events: 40, kills: 2 });
    expect(gaps).to.be.above(0);
    expect(released).to.be.above(0);
    expect(replays).to.be.above(0);
  });
});
