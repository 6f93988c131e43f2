import { testBroker } from '../support/rabbitmq.js';
import { findFaults, sampleOfFaults } from './scenarios/operator.js';
import { seedOf } from './support/random.js';

describe('an operator with the runbook', function () {
  this.timeout(240_000);
  const seed = seedOf(process.env.CHAOS_SEED);
  const names = sampleOfFaults(seed, 1);

  it(`finds cause and remedy of ${names.join(' and ')} by the symptoms (CHAOS_SEED=${seed})`, async () => {
    const say = (line: string) => console.log(`      ${line}`);
    await findFaults({ seed, broker: await testBroker(), processes: 1, faults: names, say });
  });
});
