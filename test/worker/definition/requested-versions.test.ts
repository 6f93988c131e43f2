import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue, command, defineFleet, event, FlotillaError } from 'flotilla';
import { harness } from 'flotilla/testing';
import { describeTypes } from '../../../src/fleet/describe-types.js';
import { readersOf } from '../../../src/fleet/readers.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { typesRead } from '../../../src/worker/definition/types-read.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { shop as base } from '../../support/shop.js';

const amount = { orderId: z.string(), amount: z.int() };
const shop = catalogue(baseCatalogue, {
  'order.created': event(
    {
      1: z.strictObject({ orderId: z.string() }),
      2: z.strictObject(amount),
      3: z.strictObject({ ...amount, currency: z.string() }),
    },
    { 1: (data) => ({ ...data, amount: 0 }), 2: (data) => ({ ...data, currency: 'USD' }) },
  ),
  'order.closed': event({ 1: z.strictObject({ orderId: z.string() }) }),
  'order.close': command({ 1: z.strictObject({ orderId: z.string() }) }),
  'order.seen': event({ 1: z.strictObject({ by: z.string(), data: z.json() }) }),
});

type On = Parameters<typeof shop.defineWorker<'order.created' | 'order.*', 'order.seen'>>[0]['on'];
const data = {
  1: { orderId: 'o1' },
  2: { orderId: 'o1', amount: 5 },
  3: { orderId: 'o1', amount: 5, currency: 'EUR' },
};

/** A worker with these keys, whose handlers emit their key and the data that they receive. */
function reader(keys: readonly string[], name = 'reader') {
  const handler =
    (key: string) => (received: { data: unknown }, ctx: { emit: (type: string, data: unknown) => void }) =>
      ctx.emit('order.seen', { by: key, data: received.data });
  const on = Object.fromEntries(keys.map((key) => [key, handler(key)])) as unknown as On;
  return shop.defineWorker({ name, emits: ['order.seen'], ...(on && { on }) });
}

const seen = (by: string, received: unknown) => ({ type: 'order.seen', data: { by, data: received } });
const created = (version: 1 | 2 | 3) => ({ type: 'order.created', version, data: data[version] });

describe('a handler of a version', () => {
  it('receives events of that version and older ones, each at the handler of the lowest version that reads it', async () => {
    const worker = harness(reader(['order.created@2', 'order.created@1', 'order.created']));
    await worker.when(created(1)).emits(seen('order.created@1', data[1]));
    await worker.when(created(2)).emits(seen('order.created@2', data[2]));
    await worker.when(created(3)).emits(seen('order.created', data[3]));
  });

  it('receives older events upcast to the version that it requests, and no further', async () => {
    const worker = harness(reader(['order.created@2', 'order.*']));
    await worker.when(created(1)).emits(seen('order.created@2', { orderId: 'o1', amount: 0 }));
    await worker.when(created(3)).emits(seen('order.*', data[3]));
    await worker.when({ type: 'order.closed', data: { orderId: 'o1' } }).emits(seen('order.*', { orderId: 'o1' }));
  });

  it('does not receive events of a newer version', async () => {
    const result = await harness(reader(['order.created@1', 'order.created@2']))
      .when(created(3))
      .result();
    expect(result).to.include({ outcome: 'quarantined', code: 'contract.newer_version' });
    expect(result.message).to.contain('order.created 3, requested up to 2');
  });

  it('binds the type, once', () => {
    const { patterns } = queuesOf(workerDefinitionOf(reader(['order.created@1', 'order.created', 'order.*'])));
    expect(patterns).to.deep.equal(['order.created', 'order.*']);
  });
});

describe('the key of a version', () => {
  it('is refused for a wildcard, a command, a version that does not exist, and one requested twice', () => {
    const problems: Record<string, [keys: string[], problem: string]> = {
      wildcard: [['order.*@1'], 'order.* is a wildcard: only the name of a type can be followed by @<version>'],
      command: [['order.close@1'], 'order.close is a command: its handler receives the latest version'],
      unknown: [['order.created@4'], 'requests a version that order.created does not have; its versions: 1, 2, 3'],
      'not a number': [['order.created@newest'], 'requests a version that order.created does not have'],
      'no canonical number': [['order.created@01'], 'requests a version that order.created does not have'],
      'unknown type': [['order.lost@1'], 'nothing matches the pattern order.lost'],
      twice: [['order.created@3', 'order.created'], 'order.created and order.created@3 both request version 3'],
    };
    for (const [name, [keys, problem]] of Object.entries(problems)) {
      expect(() => reader(keys), name)
        .to.throw(FlotillaError, problem)
        .with.property('code', 'worker.bad_definition');
    }
  });

  it('is refused for a type that a saga of the worker receives', () => {
    const saga = shop.defineSaga({
      name: 'closing',
      startedBy: 'order.created',
      input: ({ orderId }) => ({ orderId }),
      subject: (id) => `order/${id}`,
      steps: [
        {
          name: 'close',
          command: { type: 'order.close', data: ({ sagaId }) => ({ orderId: sagaId }) },
          done: 'order.closed',
          timeout: '1m',
        },
      ],
    });
    const define = () => shop.defineWorker({ name: 'w', sagas: [saga], on: { 'order.created@1': () => undefined } });
    expect(define).to.throw(FlotillaError, 'the saga closing receives order.created in its latest version');
  });
});

describe('the versions that a worker reads', () => {
  const read = (...keys: string[]) => typesRead(workerDefinitionOf(reader(keys)));

  it('are those that its handlers request, and the latest for a plain key or a wildcard', () => {
    expect(read('order.created@2', 'order.created@1')).to.deep.equal([
      { type: 'order.created', versions: [1, 2], latest: false },
    ]);
    expect(read('order.created@1', 'order.created')).to.deep.equal([
      { type: 'order.created', versions: [1, 3], latest: true },
    ]);
    expect(read('order.created@3')).to.deep.equal([{ type: 'order.created', versions: [3], latest: false }]);
    expect(read('order.created@3', 'order.*').slice(0, 2)).to.deep.equal([
      { type: 'order.closed', versions: [1], latest: true },
      { type: 'order.created', versions: [3], latest: true },
    ]);
  });

  it('are named where the readers of a type are listed', () => {
    const workers = [['order.created@1', 'order.created@2'], ['order.created@1', 'order.*'], ['order.*']].map(
      (keys, index) => reader(keys, `reader-${index}`),
    );
    const closer = shop.defineWorker({ name: 'closer', on: { 'order.close': () => undefined } });
    const fleet = defineFleet({ catalogue: shop, workers: [...workers, closer] });
    const names = ['reader-0@1,2', 'reader-1@1,latest', 'reader-2'];
    expect(readersOf(fleet, 'order.created')).to.deep.equal(names);
    expect(describeTypes(fleet, 'order.created')[0]?.handledBy).to.deep.equal(names);
  });

  it('include the latest of a type that a projection reads', () => {
    const projection = base.defineProjection({
      name: 'jobs',
      version: 1,
      tables: { jobs: 'create table jobs (n integer primary key)' },
      on: { 'job.begun': () => undefined },
    });
    const worker = workerDefinitionOf(base.defineWorker({ name: 'w', projections: [projection] }));
    expect(typesRead(worker)).to.deep.equal([{ type: 'job.begun', versions: [1], latest: true }]);
    expect(worker.requested).to.equal(undefined);
  });
});
