import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { shop } from '../support/shop.js';
import { testFleet } from '../support/test-fleet.js';

describe('a worker whose relay cannot keep up', function () {
  this.timeout(60_000);

  it('takes no messages beyond the bound, keeps them in the queue, and goes on when half of the lag is gone', async () => {
    const relay = { lag: 0, maxLag: 100 };
    const worker = shop.defineWorker({ name: 'busy', on: { 'job.requested': () => undefined } });
    const fleet = await testFleet(worker, { relay });
    try {
      const pausesAre = async (wanted: readonly string[]) => {
        while (fleet.running.state().pauses.join() !== wanted.join()) await turn();
      };
      relay.lag = 101;
      await pausesAre(['relay']);
      while (fleet.running.state().consuming) await turn();
      await fleet.send(fleet.event('job.requested', { n: 1 }));
      expect(await fleet.broker.queueDepth(fleet.names.queue('busy'))).to.deep.equal({ ready: 1, consumers: 0 });
      relay.lag = 50;
      await fleet.until((seen) => seen.length === 1);
      expect(fleet.seen[0]).to.include({ outcome: 'done' });
    } finally {
      await fleet.stop();
    }
  });
});
