import { expect } from 'chai';
// @ts-expect-error -- a script without types
import { capture } from '../../scripts/run.mjs';

const run = capture as (command: string, args: readonly string[]) => Promise<{ code: number; output: string }>;

describe('runs of the test suite', () => {
  it('end if they print nothing, and count as a failure', async () => {
    const { code, output } = await run(process.execPath, ['test/project/fixtures/lanes.mjs']);
    expect(code, output).to.equal(1);
    expect(output).to.contain('  hangs and the files after it: no output for 1 s, killed\n');
    expect(output).to.match(/All runs\n\n {2}2 passing \(.*\)\n {2}1 failing\n$/);
  });
});
