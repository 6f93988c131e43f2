import { expect } from 'chai';
import { planProcesses, type PlanOptions } from '../../src/supervisor/plan.js';

describe('the processes of a fleet', () => {
  const workersOf = (options: Partial<PlanOptions>) =>
    planProcesses({ workers: ['a', 'b', 'c'], hasApi: false, hasSandbox: false, scale: {}, ...options })
      .filter(({ stage }) => stage === 'workers')
      .map(({ name, args }) => `${name}: ${args.join(' ')}`);

  it('are one for each worker, or as many as its scale', () => {
    expect(workersOf({})).to.deep.equal(['a: worker a', 'b: worker b', 'c: worker c']);
    expect(workersOf({ scale: { a: 0, b: 2 } })).to.deep.equal(['b: worker b', 'b-2: worker b', 'c: worker c']);
  });

  it('share the workers evenly, whatever their number', () => {
    expect(workersOf({ processes: 2 })).to.deep.equal(['workers-1: worker a c', 'workers-2: worker b']);
    expect(workersOf({ processes: 1 })).to.deep.equal(['workers-1: worker a b c']);
    expect(workersOf({ processes: 5 })).to.have.length(3);
  });

  it('never run two replicas of a worker in one process', () => {
    for (const scale of [{ a: 2 }, { b: 2 }, { a: 2, b: 2, c: 2 }, { a: 0, c: 2 }] as Record<string, number>[]) {
      for (const line of workersOf({ processes: 2, scale })) {
        const names = line.split(': worker ')[1]?.split(' ') ?? [];
        expect(names, line).to.have.length(new Set(names).size).and.not.be.empty;
      }
    }
    expect(workersOf({ processes: 2, scale: { a: 2 } })).to.deep.equal([
      'workers-1: worker a b',
      'workers-2: worker a c',
    ]);
  });

  it('reject a worker with more replicas than processes', () => {
    expect(() => workersOf({ processes: 2, scale: { b: 3 } }))
      .to.throw('3 processes of b, but --processes is 2')
      .with.property('code', 'config.invalid');
  });
});
