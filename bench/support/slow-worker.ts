import { setTimeout as sleep } from 'node:timers/promises';
import { shop } from '../../test/support/shop.js';

/** Waits for a slow service and handles one message at a time, so that only more processes increase the throughput. */
export const slow = shop.defineWorker({
  name: 'slow',
  prefetch: 1,
  emits: ['job.finished'],
  on: {
    'job.begun': async ({ data: { n } }, ctx) => {
      await ctx.call('outside', (signal) => sleep(50, undefined, { signal }));
      ctx.emit('job.finished', { n });
    },
  },
});
