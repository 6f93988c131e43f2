import { expect } from 'chai';
import { changeOf, QUIET_MS, ranges, type Alert, type Level, type Range } from '../../../platform/sensors/alerts.js';

const temperature: Range = ranges.temperature ?? { min: 0, max: 0, hysteresis: 0 };

/** The changes that are reported for these values, `apart` milliseconds from each other. */
function changes(values: readonly number[], apart = QUIET_MS): Level[] {
  let alert: Alert = { level: 'normal', reportedAt: undefined };
  return values.flatMap((value, index) => {
    const level = changeOf(alert, temperature, value, index * apart);
    if (level === undefined) return [];
    alert = { level, reportedAt: index * apart };
    return [level];
  });
}

describe('platform: alerts of sensors', () => {
  it('reports a value that leaves the range once, and its return', () => {
    expect(changes([20, 31, 31, 32, 20, 20])).to.deep.equal(['medium', 'normal']);
    expect(changes([15, 30])).to.deep.equal([]);
  });

  it('is high beyond 20 % of the width of the range', () => {
    expect(changes([33])).to.deep.equal(['medium']);
    expect(changes([33.1])).to.deep.equal(['high']);
    expect(changes([11.9])).to.deep.equal(['high']);
    expect(changes([31, 40, 31, 20])).to.deep.equal(['medium', 'high', 'normal']);
  });

  it('is cleared when the value is inside by the hysteresis', () => {
    expect(changes([31, 29.9, 30.1, 29.6])).to.deep.equal(['medium']);
    expect(changes([31, 29.5])).to.deep.equal(['medium', 'normal']);
  });

  it('reports at most one change a minute of a sensor that flaps every second, and then its level', () => {
    const flapping = Array.from({ length: 600 }, (_, second) => (second % 2 === 0 ? 40 : 20));
    expect(changes(flapping, 1000)).to.have.length.within(5, 10);
    expect(changes([40, ...Array<number>(60).fill(20)], 1000)).to.deep.equal(['high', 'normal']);
  });
});
