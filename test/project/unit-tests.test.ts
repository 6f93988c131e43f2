import { expect } from 'chai';
// @ts-expect-error -- a script without types
import { unitTestsIn } from '../../scripts/unit-tests.mjs';

const select = unitTestsIn as (paths: readonly string[]) => string[];

describe('npm run test:unit', () => {
  it('runs all unit tests without a path', () => {
    expect(select([])).to.include.members(['test/duration.test.ts', 'test/text/printable.test.ts']);
    expect(select([])).not.to.include('test/project/node-versions.test.ts');
  });

  it('runs only the files and folders that are named', () => {
    expect(select(['test/duration.test.ts'])).to.deep.equal(['test/duration.test.ts']);
    expect(select(['./test/text/', 'test/text/printable.test.ts'])).to.deep.equal([
      'test/text/printable.test.ts',
      'test/text/redact.test.ts',
    ]);
  });

  it('refuses a path without a unit test', () => {
    expect(() => select(['test/project/node-versions.test.ts'])).to.throw(
      'Run it with: npm test -- test/project/node-versions.test.ts',
    );
  });
});
