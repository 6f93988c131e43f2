import { expect } from 'chai';
import {
  compare,
  countPerOperation,
  describeRegressions,
  refusal,
  TOLERANCE,
  type Counted,
  type Recorded,
} from '../../bench/guard/figures.js';

const recorded: Recorded = {
  node: '22.23.3',
  platform: 'linux-x64',
  instructions: { message: 100_000, append: 50_000, request: 1_000_000 },
};
const here = { node: '22.23.3', platform: 'linux-x64' };

const counted = (message: number): Counted[] => [
  { operation: 'message', instructions: message, spread: 0.001 },
  { operation: 'append', instructions: 50_000, spread: 0.001 },
];

describe('the guard against regressions', () => {
  it('divides the median of the blocks by their operations', () => {
    const count = countPerOperation('append', 100, [[5_000_000, 9_000_000, 5_010_000]]);
    expect(count.instructions).to.equal(50_100);
  });

  it('reports the greatest difference between two runs as the spread', () => {
    const runs = [
      [5_000_000, 5_000_000, 5_000_000],
      [5_100_000, 5_100_000, 5_100_000],
    ];
    const { instructions, spread } = countPerOperation('append', 100, runs);
    expect(instructions).to.equal(50_500);
    expect(spread).to.be.closeTo(0.1 / 5.05, 1e-9);
  });

  it('reports a growth of 10 % with the operation, the number of instructions and the percentage', () => {
    const compared = compare(recorded, counted(110_000));
    expect(compared.map(({ verdict }) => verdict)).to.deep.equal(['grown', 'same']);
    expect(describeRegressions(compared)).to.deep.equal([
      'message: 110,000 instructions, 10,000 (10.0 %) more than recorded; at most 3.0 % are accepted',
    ]);
  });

  it('accepts a growth within the tolerance', () => {
    expect(describeRegressions(compare(recorded, counted(100_000 * (1 + TOLERANCE) - 1)))).to.deep.equal([]);
  });

  it('accepts a decrease, and marks it', () => {
    const compared = compare(recorded, counted(80_000));
    expect(compared[0]).to.include({ verdict: 'shrunk' });
    expect(describeRegressions(compared)).to.deep.equal([]);
  });

  it('compares counts of the recorded environment only', () => {
    expect(refusal(recorded, here)).to.equal(undefined);
    expect(refusal(recorded, { ...here, node: '24.21.0' }))
      .to.include('of Node.js 22.23.3 on linux-x64')
      .and.include('24.21.0 on linux-x64');
    expect(refusal(recorded, { ...here, platform: 'linux-arm64' })).to.include('cannot be compared');
  });

  it('names an operation without a recorded count', () => {
    const { message, append } = recorded.instructions;
    expect(refusal({ ...recorded, instructions: { message, append } }, here)).to.include(
      'No count is recorded of request',
    );
  });
});
