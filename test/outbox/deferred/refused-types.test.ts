import { expect } from 'chai';
import { FlotillaError } from '../../../src/errors.js';
import { RefusedTypes } from '../../../src/outbox/deferred/refused-types.js';
import { recordingLogger } from '../../support/recording-logger.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('a type whose events the broker refuses', () => {
  it('is logged as a warning, and as an error when the refusal lasts 10 seconds', async () => {
    let elapsed = 0;
    const { logger, lines } = recordingLogger();
    const refusals = new RefusedTypes({
      ...{ broker: {}, exchange: 'events', logger, clock: () => 0, onDeferred: () => undefined },
      elapsed: () => elapsed,
    });
    const levels = async (at: number) => {
      elapsed = at;
      refusals.refused('job.begun', new FlotillaError('broker.nacked', 'job.begun'), 1);
      await tick();
      return lines.map(({ level }) => level);
    };
    expect(await levels(0)).to.deep.equal(['warn']);
    expect(await levels(6_000)).to.deep.equal(['warn']);
    expect(await levels(9_999)).to.deep.equal(['warn']);
    expect(await levels(12_000)).to.deep.equal(['warn', 'error']);
    expect(await levels(20_000), 'at most once a minute').to.deep.equal(['warn', 'error']);
    refusals.accepted('job.begun');
    expect(await levels(21_000), 'another refusal').to.deep.equal(['warn', 'error', 'warn', 'warn']);
  });
});
