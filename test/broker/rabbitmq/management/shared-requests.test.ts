import { expect } from 'chai';
import { sharedRequests } from '../../../../src/broker/rabbitmq/management/shared-requests.js';
import { createManagement } from '../../../../src/broker/rabbitmq/management/management.js';
import { FlotillaError } from '../../../../src/errors.js';
import { codeOf } from '../../../contract/broker.js';

describe('shared requests to the management API', () => {
  const unreachable = createManagement({ url: 'http://guest:guest@127.0.0.1:1' });

  it('are sent once for all callers, each prefix for itself', async () => {
    const sent: string[] = [];
    const management = sharedRequests({
      ...unreachable,
      queues: async (prefix = '') => {
        sent.push(`queues ${prefix}`);
        return Promise.resolve([]);
      },
      nodes: async () => {
        sent.push('nodes');
        return Promise.resolve([]);
      },
    });
    await Promise.all([management.queues('a.'), management.queues('a.'), management.nodes()]);
    await Promise.all([management.queues('a.'), management.queues('b.'), management.nodes()]);
    expect(sent).to.deep.equal(['queues a.', 'nodes', 'queues b.']);
  });

  it('reject for each caller, also for one that asks after the failure', async () => {
    let sent = 0;
    const management = sharedRequests({
      ...unreachable,
      bindings: () => {
        sent += 1;
        return Promise.reject(new FlotillaError('broker.management', 'refused'));
      },
    });
    void management.bindings(); // a request whose answer is not awaited ends no process
    await new Promise(setImmediate);
    expect(await codeOf(management.bindings())).to.equal('broker.management');
    expect(await codeOf(management.bindings())).to.equal('broker.management');
    expect(sent).to.equal(1);
  });
});
