import { expect } from 'chai';
import { queueFindings } from '../../../src/observability/broker/broker-health.js';

const node = (name: string, running = true) => ({ name, running, alarms: [], partitions: [] });
const queuesOn = (leader: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: `q${index}`, type: 'quorum', node: leader, down: false }));

describe('the findings about queues', () => {
  const kinds = (...args: Parameters<typeof queueFindings>) => queueFindings(...args).map(({ kind }) => kind);

  it('include leaders on one of several running nodes', () => {
    expect(kinds(queuesOn('a', 6), [node('a'), node('b')])).to.deep.equal(['leaders']);
  });

  it('do not include leaders with one running node, with few queues, or with spread leaders', () => {
    expect(kinds(queuesOn('a', 6), [node('a'), node('b', false)])).to.deep.equal([]);
    expect(kinds(queuesOn('a', 5), [node('a'), node('b')])).to.deep.equal([]);
    expect(kinds([...queuesOn('a', 4), ...queuesOn('b', 3)], [node('a'), node('b')])).to.deep.equal([]);
  });
});
