import { setTimeout as sleep } from 'node:timers/promises';
import { shop } from '../../test/support/shop.js';

/** An ordered worker that waits 2 ms for each message, and emits an event, so that the head of its store is the number of
 *  handled messages. */
export const counting = shop.defineWorker({
  name: 'counting',
  ordering: 'subject',
  emits: ['job.finished'],
  on: {
    'job.begun': async ({ data: { n } }, ctx) => {
      await sleep(2);
      ctx.emit('job.finished', { n });
    },
  },
});
