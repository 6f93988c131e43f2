import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue, command, event, FlotillaError } from 'flotilla';
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

/** The compiler is the test here: an `@ts-expect-error` without an error fails `npm run check`. */
describe('defineWorker, to the compiler', () => {
  it('types event, context and setup by key, `emits` and `settings`', () => {
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

  it('refuses a pattern that matches nothing, and a wildcard that would match a command', () => {
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

  it('refuses a catalogue that says a name twice', () => {
    // @ts-expect-error the name is taken
    expect(() => catalogue(shop, { 'order.created': event({ 1: z.object({}) }) })).to.throw(FlotillaError);
  });
});

describe('defineWorker, at start', () => {
  const on = { 'order.created': () => undefined };

  it('refuses what the compiler cannot see', () => {
    const wrong = [
      () => shop.defineWorker({ name: 'Not A Name', on }),
      () => shop.defineWorker({ name: 'w', on: {} }),
      () => shop.defineWorker({ name: 'w', on, prefetch: 0 }),
      () => shop.defineWorker({ name: 'w', on, timeout: '20m' }),
      () => shop.defineWorker({ name: 'w', on: { '*.created': () => undefined, 'order.*': () => undefined } }),
    ];
    for (const [index, define] of wrong.entries()) {
      expect(define, `case ${index}`).to.throw(FlotillaError).with.property('code', 'worker.bad_definition');
    }
  });

  it('gives each type to the most specific handler', () => {
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
