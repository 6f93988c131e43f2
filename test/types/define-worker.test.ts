import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue, command, defineFleet, event, FlotillaError, type ContextOf } from 'flotilla';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const shop = catalogue(baseCatalogue, {
  'order.created': event(
    { 1: z.strictObject({ id: z.string() }), 2: z.strictObject({ id: z.string(), total: z.int() }) },
    { 1: (data) => ({ ...data, total: 0 }) },
  ),
  'order.status_changed': event({ 1: z.strictObject({ id: z.string(), status: z.string() }) }),
  'payment.process': command({ 1: z.strictObject({ orderId: z.string() }) }),
  'payment.processed': event({ 1: z.strictObject({ orderId: z.string(), receipt: z.string() }) }),
});

const order = shop.decider('order.created')<null, string>({
  aggregate: 'order',
  initial: null,
  decide: (id) => [{ type: 'order.created', data: { id, total: 1 } }],
  evolve: () => null,
});
const payment = shop.decider('payment.processed')<null, string>({
  aggregate: 'payment',
  initial: null,
  decide: (orderId) => [{ type: 'payment.processed', data: { orderId, receipt: 'none' } }],
  evolve: () => null,
});

const tables = { orders: 'create table orders (id text primary key)' };

/** The compiler is the test here: an `@ts-expect-error` without an error fails `npm run check`. */
describe('the types of defineWorker', () => {
  it('derive the types that commands emit from `aggregates`, and let handlers emit only those of `emits`', () => {
    const note = (ctx: ContextOf<typeof shop, never, undefined, 'order.created'>) => ctx.execute(order, 'o1', 'o1');
    const worker = shop.defineWorker({
      name: 'deciding',
      aggregates: [order],
      emits: ['order.status_changed'],
      on: {
        'payment.processed': (_event, ctx) => {
          ctx.execute(order, 'o1', 'o1');
          ctx.emit('order.status_changed', { id: 'o1', status: 'paid' });
          // @ts-expect-error emitted only by commands
          ctx.emit('order.created', { id: 'o1', total: 1 });
          // @ts-expect-error not one of `aggregates`
          ctx.execute(payment, 'p1', 'o1');
        },
      },
    });
    const shared = shop.defineWorker({
      name: 'shared',
      aggregates: [order],
      on: { 'payment.processed': (_event, ctx) => note(ctx) },
    });
    expect([...workerDefinitionOf(worker).emits].sort()).to.deep.equal(['order.created', 'order.status_changed']);
    expect([...workerDefinitionOf(shared).emits]).to.deep.equal(['order.created']);
    // @ts-expect-error the definition is internal
    expect(worker.definition).to.equal(undefined);
  });

  it('type event, context and setup by key, `emits` and `settings`', () => {
    const worker = shop.defineWorker({
      name: 'typed',
      settings: z.object({ gatewayUrl: z.url() }),
      setup: ({ settings }) => ({ url: settings.gatewayUrl.toUpperCase() }),
      emits: ['payment.processed'],
      on: {
        'payment.process': (event, ctx) => {
          const id: string = event.data.orderId;
          const url: string = ctx.use.url;
          ctx.emit('payment.processed', { orderId: id, receipt: url });
          // @ts-expect-error a receipt is missing
          ctx.emit('payment.processed', { orderId: id });
          // @ts-expect-error not listed in `emits`
          ctx.emit('order.created', { id, total: 1 });
          ctx.write(async (tx) => {
            await tx.emit('payment.processed', { orderId: id, receipt: url });
            // @ts-expect-error not listed in `emits`
            await tx.emit('order.created', { id, total: 1 });
          });
        },
        'order.*': (event) => {
          if (event.type === 'order.created') {
            const total: number = event.data.total;
            return void total;
          }
          const status: string = event.data.status;
          return void status;
        },
        '#': (event) => {
          const data: unknown = event.data;
          return void data;
        },
      },
    });
    expect(worker.name).to.equal('typed');
  });

  it('reject a pattern that matches nothing, and a wildcard that would match a command', () => {
    const wrong = () =>
      shop.defineWorker({
        name: 'wrong',
        on: {
          // @ts-expect-error no type begins with orders
          'orders.*': () => undefined,
        },
      });
    expect(wrong).to.throw(FlotillaError).with.property('code', 'worker.bad_definition');
    shop.defineWorker({
      name: 'wild',
      on: {
        'payment.*': (event) => {
          const type: 'payment.processed' = event.type;
          return void type;
        },
      },
    });
  });

  it('type the data of a requested version, and reject unknown versions', () => {
    shop.defineWorker({
      name: 'versions',
      on: {
        'order.created@1': ({ data, type }) => {
          const id: string = data.id;
          const name: 'order.created' = type;
          // @ts-expect-error version 1 has no total
          return void [id, name, data.total];
        },
        'order.created': ({ data }) => void (data.total satisfies number),
      },
    });
    const wrong = [
      // @ts-expect-error order.created has no version 3
      () => shop.defineWorker({ name: 'w', on: { 'order.created@3': () => undefined } }),
      // @ts-expect-error a command is handled in its latest version
      () => shop.defineWorker({ name: 'w', on: { 'payment.process@1': () => undefined } }),
      // @ts-expect-error a wildcard has no version
      () => shop.defineWorker({ name: 'w', on: { 'order.*@1': () => undefined } }),
      // @ts-expect-error a projection reads the latest version
      () => shop.defineProjection({ name: 'p', version: 1, tables, on: { 'order.created@1': () => undefined } }),
    ];
    for (const [index, define] of wrong.entries()) expect(define, `case ${index}`).to.throw(FlotillaError);
  });

  it('reject a catalogue with a duplicate name', () => {
    // @ts-expect-error the name is taken
    expect(() => catalogue(shop, { 'order.created': event({ 1: z.object({}) }) })).to.throw(FlotillaError);
  });
});

describe('defineWorker at run time', () => {
  const on = { 'order.created': () => undefined };

  it('rejects definitions that the compiler cannot check', () => {
    const wrong = [
      () => shop.defineWorker({ name: 'Not A Name', on }),
      () => shop.defineWorker({ name: 'w', on: {} }),
      () => shop.defineWorker({ name: 'w', on, prefetch: 0 }),
      () => shop.defineWorker({ name: 'w', on, timeout: '20m' }),
      () => shop.defineWorker({ name: 'w', on, from: 'log', ordering: 'subject' }),
      () => shop.defineWorker({ name: 'w', on, ordering: { by: 'total', partitions: 4 } }),
      () => shop.defineWorker({ name: 'w', on, ordering: { by: 'sequence', unordered: ['order.created'] } }),
      () => shop.defineWorker({ name: 'w', on, ordering: { by: 'sequence', gapTimeout: '8d' } }),
      () => shop.defineWorker({ name: 'w', on, ordering: { by: 'subject', gapTimeout: '1m' } }),
      () => shop.defineWorker({ name: 'w', on, ordering: { by: 'subject', startsAt: 'any' } }),
      () =>
        shop.defineWorker({
          name: 'w',
          on: { 'order.*': () => undefined, 'order.created': () => undefined },
          ordering: { by: 'subject', unordered: ['order.created'] },
        }),
      () => shop.defineWorker({ name: 'w', on: { '*.created': () => undefined, 'order.*': () => undefined } }),
    ];
    for (const [index, define] of wrong.entries()) {
      expect(define, `case ${index}`).to.throw(FlotillaError).with.property('code', 'worker.bad_definition');
    }
  });

  it('rejects a fleet in which a worker would wait for events of an aggregate that it does not bind', () => {
    const whole = shop.decider(
      'order.created',
      'order.status_changed',
    )<null, string>({
      aggregate: 'order',
      initial: null,
      decide: () => [],
      evolve: () => null,
    });
    const pay = shop.defineWorker({ name: 'pay', on: { 'payment.process': () => undefined } });
    const fleetWith = (keys: Record<string, () => undefined>) => () =>
      defineFleet({
        catalogue: shop,
        workers: [pay, shop.defineWorker({ name: 'w', on: keys as never, ordering: 'sequence', aggregates: [whole] })],
      });
    expect(fleetWith(on))
      .to.throw(FlotillaError, "w orders by 'sequence' and handles order.created, but not order.status_changed")
      .with.property('code', 'fleet.invalid');
    expect(fleetWith({ ...on, 'order.status_changed': () => undefined })).not.to.throw();
    expect(fleetWith({ 'order.*': () => undefined })).not.to.throw();
  });

  it('selects the most specific handler for each type', () => {
    const seen: string[] = [];
    const definition = workerDefinitionOf(
      shop.defineWorker({
        name: 'w',
        on: {
          '#': () => void seen.push('#'),
          'order.*': () => void seen.push('order.*'),
          'order.created': () => void seen.push('order.created'),
        },
      }),
    );
    for (const type of ['order.created', 'order.status_changed', 'payment.processed']) {
      void definition.handlerOf.get(type)?.({} as never, {} as never);
    }
    expect(seen).to.deep.equal(['order.created', 'order.*', '#']);
    expect(definition.handlerOf.has('payment.process')).to.equal(false);
  });
});
