import { expect } from 'chai';
import { testBroker } from '../support/rabbitmq.js';
import { rollVersions } from './scenarios/rolling-versions.js';
import { seedOf } from './support/random.js';

describe('a fleet that rolls to a later version of an event', function () {
  this.timeout(400_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`forward, back and forward again, handles each event once and in order (CHAOS_SEED=${seed})`, async () => {
    const { quarantined } = await rollVersions({ ...(await testBroker()), seed, events: 60, rounds: 1 });
    expect(quarantined).to.be.above(0);
  });
});
