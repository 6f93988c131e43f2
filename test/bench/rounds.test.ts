import { expect } from 'chai';
import { attemptAlternately, measureAlternately } from '../../bench/support/rounds.js';
import { rateOrFailure } from '../../bench/support/table.js';

describe('rounds of a benchmark', () => {
  it('run the other variants to the end when one fails', async () => {
    const ran: string[] = [];
    const outcomes = await attemptAlternately(3, {
      sound: async () => ran.push('sound'),
      failing: async () => {
        ran.push('failing');
        if (ran.length > 2) throw new Error('SQLITE_BUSY: database is locked\nwith a second line');
        return 0;
      },
    });
    expect(ran).to.deep.equal(['sound', 'failing', 'failing', 'sound', 'sound']);
    expect(outcomes.sound).to.deep.equal([1, 4, 5]);
    expect(outcomes.failing).to.be.instanceOf(Error);
    expect(rateOrFailure(outcomes.failing as Error)).to.equal('failed: SQLITE_BUSY: database is locked');
  });

  it('reject when a variant fails that the report cannot be without', async () => {
    const failing = { ours: () => Promise.reject(new Error('no broker')) };
    const error = await measureAlternately(2, failing).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error).with.property('message', 'no broker');
  });

  it('return the median of each variant', async () => {
    const speeds = [5, 1, 3];
    const medians = await measureAlternately(3, { ours: async () => ({ perSecond: speeds.shift() ?? 0, cpu: 2 }) });
    expect(medians).to.deep.equal({ ours: { perSecond: 3, cpu: 2 } });
  });
});
