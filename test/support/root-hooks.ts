import { Runnable } from 'mocha';
import { removeSharedCluster } from './cluster.js';
import { patience } from './patience.js';
import { removePackedPackage } from './packed-package.js';
import { stopSharedNode } from './rabbitmq.js';
import { seed } from './seed.js';

// mocha reads the limit of a test or hook when it starts its timer: the one place to stretch all limits with the load
const timeoutOf = Reflect.get(Runnable.prototype, 'timeout') as (this: Runnable, limit?: number | string) => unknown;
Runnable.prototype.timeout = function (this: Runnable, ...limit: [] | [number | string]) {
  return limit.length > 0 ? timeoutOf.apply(this, limit) : Number(timeoutOf.apply(this)) * patience();
} as Runnable['timeout'];

export const mochaHooks = {
  beforeAll() {
    process.stdout.write(`Random test data: TEST_SEED=${seed}\n`);
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(60_000);
    await stopSharedNode();
    await removeSharedCluster();
    await removePackedPackage();
  },
};
