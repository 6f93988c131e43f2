import { Runnable } from 'mocha';
import { cleanUpAtEnd, cleanUpOnSignal } from './clean-up.js';
import { patience } from './patience.js';
import { seed } from './seed.js';

// mocha reads the limit of a test or hook when it starts its timer: the one place to stretch all limits with the load
const timeoutOf = Reflect.get(Runnable.prototype, 'timeout') as (this: Runnable, limit?: number | string) => unknown;
Runnable.prototype.timeout = function (this: Runnable, ...limit: [] | [number | string]) {
  return limit.length > 0 ? timeoutOf.apply(this, limit) : Number(timeoutOf.apply(this)) * patience();
} as Runnable['timeout'];

cleanUpOnSignal();

export const mochaHooks = {
  beforeAll() {
    process.stdout.write(`Random test data: TEST_SEED=${seed}\n`);
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(60_000);
    await cleanUpAtEnd();
  },
};
