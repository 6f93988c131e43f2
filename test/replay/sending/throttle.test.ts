import { expect } from 'chai';
import { FlotillaError } from '../../../src/errors.js';
import { waitForRoom } from '../../../src/replay/sending/throttle.js';

describe('waiting for room in the queues of a worker', () => {
  const { signal } = new AbortController();
  /** A broker whose queues have these numbers of ready messages; each look takes the next of a queue. */
  const brokerOf = (queues: Record<string, number[]>) => ({
    queueDepth: (name: string) => {
      const ready = queues[name]?.shift();
      return Promise.resolve(ready === undefined ? undefined : { ready, consumers: 1 });
    },
  });

  it('continues when a partition is deleted meanwhile, as by a change of their number', async () => {
    const queues = { worker: [0, 0], 'worker.p4.0': [50], 'worker.p8.0': [1, 1] };
    const depths: number[] = [];
    await waitForRoom(brokerOf(queues), ['worker', 'worker.p4.0', 'worker.p8.0'], {
      ...{ high: 20, low: 10, signal },
      onThrottle: ({ ready }) => depths.push(ready),
    });
    expect(depths).to.deep.equal([51]);
    expect(queues['worker.p8.0']).to.deep.equal([]);
  });

  it('is refused without the queue of the worker', async () => {
    const waiting = waitForRoom(brokerOf({ 'worker.p4.0': [0] }), ['worker', 'worker.p4.0'], { signal });
    const error: unknown = await waiting.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'replay.refused');
  });
});
