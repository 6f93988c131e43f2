import { testBroker } from '../support/rabbitmq.js';
import { killInQuarantine, QUARANTINE_KILLS } from './scenarios/quarantine-kills.js';
import { randomFrom, seedOf } from './support/random.js';

describe('kill -9 at steps of the quarantine', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);
  const random = randomFrom(seed);

  it(`loses no message, repeats none and keeps the order of each subject (CHAOS_SEED=${seed})`, async () => {
    const sample = new Set(Array.from({ length: 3 }, () => random.between(0, QUARANTINE_KILLS.length - 1)));
    const kills = QUARANTINE_KILLS.filter((_, index) => sample.has(index));
    await killInQuarantine({ ...(await testBroker()), seed, kills, rounds: 1 });
  });
});
