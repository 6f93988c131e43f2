import { testBroker } from '../support/rabbitmq.js';
import { fillTheDisk, NoSmallDisk } from './scenarios/full-disk.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('a full disk under a running fleet', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`is reported, loses no confirmed order, and everything continues afterwards (CHAOS_SEED=${seed})`, async function () {
    try {
      await fillTheDisk({ ...(await testBroker()), roles: ROLES_TOGETHER, seed });
    } catch (error) {
      if (!(error instanceof NoSmallDisk)) throw error;
      console.log(`      not run here: a small file system cannot be mounted (${error.message.trim()})`);
      this.skip();
    }
  });
});
