import { expect } from 'chai';
import { isPartition } from '../../../src/broker/topology/abandoned-queues.js';
import { consumedQueues, partitionQueues, withVariants } from '../../../src/broker/topology/partition-sets.js';
import { namesFor, topologyOf, type SetSize } from '../../../src/broker/topology/topology.js';
import { permissionsOf } from '../../../src/broker/users/permissions.js';

const names = namesFor('f-');
const worker = {
  name: 'statements',
  patterns: [],
  retryDelays: [],
  ordered: { patterns: ['a.*'], partitions: 16 },
} as const;
const topology = topologyOf([worker], { prefix: 'f-', log: { maxAge: '1h', maxBytes: 1 }, unroutedMax: 1 });
const having = (...sizes: SetSize[]) => ({
  hasExchange: (name: string) => Promise.resolve(sizes.some((size) => name === names.partitions('statements', size))),
});

describe('the partitions of a worker in the topology', () => {
  const partitionsIn = async (...sizes: SetSize[]) => {
    const { queues, bindings } = await withVariants(topology, having(...sizes));
    return {
      queues: queues.filter(({ name }) => isPartition(name, 'statements', names)).length,
      entries: bindings.filter(({ source }) => source === names.ordered('statements')).map((each) => each.destination),
    };
  };

  it('are those that the broker has; those of the definition if it has none', async () => {
    expect(await partitionsIn()).to.deep.equal({ queues: 16, entries: ['f-statements.p16'] });
    expect(await partitionsIn(32)).to.deep.equal({ queues: 32, entries: ['f-statements.p32'] });
    expect(await partitionsIn(1)).to.deep.equal({ queues: 1, entries: ['f-statements.p1'] });
  });

  it('are not declared while their number changes', async () => {
    expect(await partitionsIn(16, 32)).to.deep.equal({ queues: 0, entries: [] });
  });

  it('are all consumed while their number changes', async () => {
    const queues = await consumedQueues(having(4, 8), worker, names);
    expect(queues).to.deep.equal([
      'f-statements',
      ...partitionQueues('statements', 4, names),
      ...partitionQueues('statements', 8, names),
    ]);
  });

  it('may be read by the user of the worker, whatever their number', () => {
    const access = { service: 'statements', workers: [worker], readsLog: false, keeps: [], publishes: undefined };
    const { read, needs } = permissionsOf(access, names, 'f-');
    const pattern = new RegExp(read);
    for (const size of [1, 4, 8, 16, 32] as const) {
      for (const queue of partitionQueues('statements', size, names)) expect(queue).to.match(pattern);
    }
    expect('f-other.p16.1').not.to.match(pattern);
    expect(needs.read.every((name) => pattern.test(name))).to.equal(true);
  });
});
