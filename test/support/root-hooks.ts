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
    // mocha ignores a rejection that nobody handles; it would end a process of the fleet, so it fails the running test.
    // Not earlier: an attempt of mocha to load a file with `require` may leave one behind.
    process.on('unhandledRejection', (reason) => {
      throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
    });
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(60_000);
    await cleanUpAtEnd();
  },
};
