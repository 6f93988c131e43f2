import { expect } from 'chai';
import { formatAge, formatDuration, parseDuration } from '../src/duration.js';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

describe('durations', () => {
  it('are formatted as written, and parse to the same number', () => {
    const written = ['0ms', '250ms', '1500ms', '30s', '90s', '10m', '36h', '7d'];
    for (const text of written) expect(formatDuration(parseDuration(text))).to.equal(text);
    for (let length = 1; length < DAY; length = length * 3 + 1) {
      expect(parseDuration(formatDuration(length))).to.equal(length);
    }
  });

  it('round down to one readable unit when measured', () => {
    const ages = [-5, 999, 119_999, 2 * MINUTE, 119 * MINUTE, 120 * MINUTE, 47 * 60 * MINUTE, 2 * DAY, 400 * DAY];
    expect(ages.map(formatAge)).to.deep.equal(['0s', '0s', '119s', '2m', '119m', '2h', '47h', '2d', '400d']);
  });
});
