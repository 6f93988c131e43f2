import { expect } from 'chai';
import { shop } from '../../support/shop.js';
import { testFleet } from '../../support/test-fleet.js';
import { eventually } from '../../support/eventually.js';

describe('a worker whose relay lags', function () {
  this.timeout(60_000);

  it('stops consuming at the lag limit, leaves messages in the queue, and resumes at half of the limit', async () => {
    const relay = { lag: 0, maxLag: 100 };
    const worker = shop.defineWorker({ name: 'busy', on: { 'job.requested': () => undefined } });
    const fleet = await testFleet(worker, { relay });
    try {
      relay.lag = 101;
      await eventually('the worker pauses', () => fleet.running.state().pauses.join() === 'relay');
      await eventually('the worker consumes no more', () => !fleet.running.state().consuming);
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
