import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { smallProcesses } from '../../src/supervisor/small-processes.js';

/** Allocates until the young generation has reached its size, and prints that size in bytes. */
const PROGRAM = `
  const recent = [];
  for (let n = 0; n < 3e6; n += 1) recent[n % 100_000] = { n };
  const spaces = require('node:v8').getHeapSpaceStatistics();
  console.log(spaces.find(({ space_name }) => space_name === 'new_space').space_size);
`;

const youngGeneration = (env: NodeJS.ProcessEnv) =>
  Number(execFileSync(process.execPath, ['-e', PROGRAM], { env, encoding: 'utf8' })) / 2 ** 20;

describe('the environment of the processes of `up`', () => {
  it('limits the young generation of V8', () => {
    expect(youngGeneration(smallProcesses({})))
      .to.be.at.most(8)
      .and.below(youngGeneration({}));
  });

  it('leaves the settings of the user in force', () => {
    const env = smallProcesses({ MALLOC_ARENA_MAX: '4', NODE_OPTIONS: '--max-semi-space-size=16', LANG: 'C' });
    expect(env).to.include({ MALLOC_ARENA_MAX: '4', LANG: 'C' });
    expect(youngGeneration(env)).to.equal(youngGeneration({}));
  });
});
