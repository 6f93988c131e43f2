import { testBroker } from '../support/rabbitmq.js';
import { sayWhatIsWrong } from './scenarios/bad-input.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('bad input', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`is rejected or dead-lettered with its error, and stops no other message (CHAOS_SEED=${seed})`, async () =>
    sayWhatIsWrong({ ...(await testBroker()), roles: ROLES_TOGETHER, seed }));
});
