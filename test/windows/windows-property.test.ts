import { seed } from '../support/seed.js';
import { checkWindows } from './support/check-windows.js';

describe('windows', () => {
  it('equal a plain recomputation for random times, lateness, idle gaps, split and repeated events, and restarts', async () => {
    await checkWindows({ seed, runs: 75 });
  }).timeout(60_000);
});
