import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load-config.js';
import { storeUrlOf } from '../../src/runtime/place.js';
import { openStore } from '../../src/store/open.js';

describe('the folder of a fleet', () => {
  it('contains its stores, with any working directory', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'flotilla-place-'));
    try {
      const url = storeUrlOf({ config: loadConfig({}), cwd }, 'orders');
      await (await openStore(url, 'orders')).close();
      expect(existsSync(join(cwd, 'data', 'orders.db'))).to.equal(true);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});
