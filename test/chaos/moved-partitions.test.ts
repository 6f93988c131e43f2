import { expect } from 'chai';
import { testBroker } from '../support/rabbitmq.js';
import { keepOrder } from './scenarios/ordered-subjects.js';
import { seedOf } from './support/random.js';

describe('an ordered worker whose number of partitions changes', function () {
  this.timeout(400_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`handles each event once and in the order of its subject, also when the command is killed (CHAOS_SEED=${seed})`, async () => {
    const { moved, moverKills } = await keepOrder({ ...(await testBroker()), seed, events: 60, kills: 0, moves: 8 });
    expect(moved).to.equal(8);
    expect(moverKills).to.be.above(0);
  });
});
