import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { withExample } from './started-example.js';

describe('examples/saga @slow', function () {
  this.timeout(180_000);

  it('runs by one command, completes one saga and compensates another', () =>
    withExample('saga', async ({ flotilla }) => {
      for (const [id, hotel] of Object.entries({ t1: 'Plaza', t2: 'Grand' })) {
        const data = JSON.stringify({ hotel });
        await flotilla('events', 'publish', 'trip.requested', data, '--subject', `trip/${id}`, '--source', 'trips');
      }
      const statuses = await eventually('both sagas have ended', async () => {
        const { items } = JSON.parse(await flotilla('sagas', 'list', '--status', 'all', '--json')) as {
          items: { sagaId: string; status: string }[];
        };
        const ended = items.filter(({ status }) => !['started', 'compensating'].includes(status));
        return ended.length === 2 && Object.fromEntries(ended.map(({ sagaId, status }) => [sagaId, status]));
      });
      expect(statuses).to.deep.equal({ t1: 'completed', t2: 'compensated' });
      expect(await flotilla('sagas', 'show', 't2')).to.match(/flight +compensated/);
    }));
});
