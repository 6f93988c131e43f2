import { killWindows } from './support/kill-windows.js';
import { seed } from '../support/seed.js';

describe('windows whose process is killed', function () {
  this.timeout(120_000);

  it('equal a plain recomputation: nothing is lost and nothing is counted twice', () =>
    killWindows({
      ...{ seed, kind: 'sliding', readings: 1_500 },
      points: ['windows.applied:1', 'windows.committed:1', 'windows.applied:2'],
    }));
});
