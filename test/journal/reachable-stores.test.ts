import { expect } from 'chai';
import { reachableStores } from '../../src/journal/reachable-stores.js';
import { recordingLogger } from '../support/recording-logger.js';

describe('the stores that a journal reads', () => {
  it('are logged once when one cannot be opened, and when it can be opened again', async () => {
    const { logger, lines } = recordingLogger();
    let isSpoilt = true;
    const stores = reachableStores(
      {
        services: ['jobs', 'views'],
        open: (service) =>
          isSpoilt && service === 'jobs'
            ? Promise.reject(new Error('file is not a database'))
            : Promise.resolve(undefined),
      },
      logger,
    );
    for (const service of ['jobs', 'jobs', 'views']) expect(await stores.open(service)).to.equal(undefined);
    isSpoilt = false;
    for (const service of ['jobs', 'jobs', 'views']) await stores.open(service);
    expect(lines.map(({ level, message, service }) => [level, message, service])).to.deep.equal([
      ['warn', 'journal: store of a service cannot be opened', 'jobs'],
      ['warn', 'journal: store of a service can be opened again', 'jobs'],
    ]);
  });
});
