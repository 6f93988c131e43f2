import { testBroker } from '../support/rabbitmq.js';
import { sayWhatIsWrong } from './scenarios/bad-input.js';
import { seedOf } from './support/random.js';

describe('bad input', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`is refused or dead-lettered with what was wrong, and stops nobody (CHAOS_SEED=${seed})`, async () =>
    sayWhatIsWrong({ ...(await testBroker()), seed }));
});
