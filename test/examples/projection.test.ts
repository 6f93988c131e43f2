import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { withExample } from './started-example.js';

describe('examples/projection @slow', function () {
  this.timeout(180_000);

  it('runs by one command, counts votes and is rebuilt', () =>
    withExample('projection', async ({ api, flotilla }) => {
      for (const party of ['tea', 'coffee', 'tea']) {
        const request = {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ party }),
        };
        expect((await fetch(`${api}/votes`, request)).status).to.equal(202);
      }
      const results = async () => {
        const reply = await fetch(`${api}/results`);
        return reply.headers.get('model-lag') === '0' && (await reply.json());
      };
      const expected = {
        items: [
          { party: 'tea', votes: 2 },
          { party: 'coffee', votes: 1 },
        ],
      };
      expect(await eventually('the projection has caught up', results)).to.deep.equal(expected);
      await flotilla('projections', 'rebuild', 'results');
      expect(await results()).to.deep.equal(expected);
    }));
});
