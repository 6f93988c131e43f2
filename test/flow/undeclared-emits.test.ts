import { expect } from 'chai';
import { z } from 'zod';
import { defineFleet } from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { simulation } from 'flotilla/simulation';
import { harness } from 'flotilla/testing';
import { createEvent } from '../../src/events/create.js';
import { checkRouteEmits, emittedBy } from '../../src/fleet/define-fleet.js';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { startApi, temporaryFile } from '../api/support/start.js';
import { eventOf } from '../contract/store-events.js';
import { createFakeBroker } from '../outbox/support/fake-broker.js';
import { runRelay } from '../outbox/support/run-relay.js';
import { createTempStore } from '../store/support/temp-store.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { shop } from '../support/shop.js';

/** A decider of two types. */
const job = shop.decider(
  'job.begun',
  'job.finished',
)<null, number>({
  aggregate: 'job',
  initial: null,
  decide: (n) => (n > 0 ? [{ type: 'job.begun', data: { n } }] : [{ type: 'job.finished', data: { n } }]),
  evolve: () => null,
});

/** Emits `job.finished` in each possible way; declares `job.begun` only. */
const careless = shop.defineWorker({
  name: 'careless',
  emits: ['job.begun'],
  aggregates: [{ ...job, emits: ['job.begun'] }],
  on: {
    'job.requested': ({ data: { n } }, ctx) => {
      const type = 'job.finished' as 'job.begun'; // what the compiler refuses
      if (n === 1) ctx.emit(type, { n });
      if (n === 2) ctx.schedule('1m', type, { n });
      if (n === 3) ctx.write((tx) => tx.emit(type, { n }));
      if (n === 4) ctx.execute(job, 'a', 0);
      if (n === 5) ctx.write(async (tx) => void (await tx.execute(job, 'a', 0)));
      if (n === 6) ctx.execute(job, 'a', 1);
    },
  },
});

const request = (n: number) => ({ type: 'job.requested', data: { n } });

async function counted({ registry }: Metrics): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith('flotilla_undeclared_emits_total{'));
}

const write = (emits?: readonly string[]) =>
  defineRoute({
    method: 'post',
    path: '/jobs',
    body: z.strictObject({ type: z.enum(['job.begun', 'job.finished']), later: z.boolean().optional() }),
    ...(emits !== undefined && { emits }),
    handler: ({ body: { type, later = false }, origin, commit }) =>
      commit(async (tx) => {
        const event = createEvent(shop.definitions, type, { n: 1 }, origin('job/1'));
        if (later) await tx.schedule({ id: event.id, dueAt: 1, event });
        else await tx.append('job/1', 'any', [event]);
        return { status: 202 };
      }),
  });

describe('an event of a type that its emitter does not declare', () => {
  for (const n of [1, 2, 3, 4, 5]) {
    it(`is refused in a worker, and counted (way ${n})`, async () => {
      const metrics = createMetrics();
      const options = { metrics, now: Date.now }; // the metrics of the worker are no public option
      const { emitted, scheduled } = await harness(careless, options)
        .when(request(n))
        .deadLetters('contract.undeclared_emit');
      expect([...emitted, ...scheduled]).to.deep.equal([]);
      expect(await counted(metrics)).to.deep.equal([
        'flotilla_undeclared_emits_total{service="careless",worker="careless",type="job.finished"} 1',
      ]);
    });
  }

  it('is allowed if `aggregates` declares it', async () => {
    await harness(careless)
      .when(request(6))
      .emits({ type: 'job.begun', data: { n: 1 }, subject: 'job/a' });
    expect([...workerDefinitionOf(careless).emits]).to.deep.equal(['job.begun']);
  });

  it('fails a simulation whose check does not look for it', async () => {
    const careful = simulation({
      workers: [careless],
      scenario: (run) => {
        const event = createEvent(
          shop.definitions,
          'job.requested',
          { n: 1 },
          run.context({ source: 'core', subject: 'job/1' }),
        );
        return run.store('core').append('job/1', 'any', [event]);
      },
      check: () => undefined,
    });
    const { error } = await careful.attempt({ seed: 1 });
    expect(error).to.have.property('code', 'contract.undeclared_emit');
  });

  it('is refused in a route by its `emits`, or by those of the API: nothing is stored', async () => {
    const { path, remove } = await temporaryFile();
    for (const options of [
      { routes: [write(['job.begun'])], emits: ['job.begun', 'job.finished'] },
      { routes: [write()], emits: ['job.begun'] },
    ]) {
      const metrics = createMetrics();
      const api = await startApi(path, { ...options, metrics });
      try {
        for (const later of [false, true]) {
          const refused = await api.send('POST', '/jobs', { body: { type: 'job.finished', later } });
          expect([refused.status, refused.body.code]).to.deep.equal([500, 'internal']);
        }
        expect(await api.store.head()).to.equal(0);
        expect(await api.store.nextTimer()).to.equal(undefined);
        expect(api.logs.filter(({ level }) => level === 'error')).to.have.length(2);
        expect(api.logs.find(({ level }) => level === 'error')).to.include({ code: 'contract.undeclared_emit' });
        expect(await counted(metrics)).to.deep.equal([
          'flotilla_undeclared_emits_total{service="core",worker="api",type="job.finished"} 2',
        ]);
        const accepted = await api.send('POST', '/jobs', { body: { type: 'job.begun', later: true } });
        expect(accepted.status).to.equal(202);
        await api.store.fireTimers(Date.now());
        expect(await api.store.head()).to.equal(1);
      } finally {
        await api.close();
        await remove();
      }
    }
  });

  it('is published from a program, but counted, and logged once for each type', async () => {
    const temp = await createTempStore();
    const store = await temp.open();
    const broker = createFakeBroker(() => 'confirm');
    const metrics = createMetrics();
    const { logger, lines } = recordingLogger();
    await store.append('job/1', 'any', [
      eventOf('job/1', { type: 'job.begun' }),
      eventOf('job/1', { type: 'job.finished' }),
      eventOf('job/1', { type: 'job.finished' }),
    ]);
    const { stop } = runRelay({ store, broker, metrics, logger, declared: new Set(['job.begun']) });
    try {
      await eventually(async () => broker.arrived.length === 3);
      expect(await counted(metrics)).to.deep.equal([
        'flotilla_undeclared_emits_total{service="core",worker="",type="job.finished"} 2',
      ]);
      expect(lines.filter(({ type }) => type === 'job.finished')).to.have.length(1);
    } finally {
      await stop();
      await temp.dispose();
    }
  });
});

describe('the types that an API declares', () => {
  const fleetOf = (api: Omit<Parameters<typeof defineFleet>[0]['api'] & object, 'store'>) =>
    defineFleet({
      catalogue: shop,
      workers: [
        shop.defineWorker({
          name: 'jobs',
          store: 'core',
          emits: ['job.failed'],
          on: { 'job.requested': () => undefined },
        }),
      ],
      api: { store: 'core', ...api },
    });
  const silent = defineRoute({ method: 'get', path: '/jobs', handler: async () => ({ status: 200 }) });

  it('are those of its routes, if each that writes declares them', () => {
    expect(fleetOf({ routes: [write(['job.begun']), silent] }).api?.emits).to.deep.equal(['job.begun']);
    expect(fleetOf({ routes: [write(), silent] }).api?.emits).to.equal(undefined);
    expect(fleetOf({ routes: [silent] }).api?.emits).to.equal(undefined);
    expect(fleetOf({ routes: [], emits: ['job.begun'] }).api?.emits).to.deep.equal(['job.begun']);
    const narrowed = { ...job, emits: ['job.finished'] as const };
    expect(fleetOf({ routes: [], aggregates: [narrowed] }).api?.emits).to.deep.equal(['job.finished']);
  });

  it('belong to its service, together with those of the workers that share its store', () => {
    const declared = emittedBy(fleetOf({ routes: [write(['job.begun'])] }), 'core');
    expect([...(declared ?? [])].sort()).to.deep.equal(['job.begun', 'job.failed']);
    expect(emittedBy(fleetOf({ routes: [write()] }), 'core')).to.equal(undefined);
    expect(emittedBy(fleetOf({ routes: [write(['job.begun'])] }), 'ops')).to.equal(undefined);
  });

  it('contain those of each route', () => {
    const fleet = fleetOf({ routes: [], emits: ['job.begun'] });
    expect(() => checkRouteEmits(fleet, [write(['job.finished'])])).to.throw(
      'POST /jobs emits job.finished, which the API does not declare',
    );
    expect(() => checkRouteEmits(fleet, [write(['job.lost'])])).to.throw('POST /jobs emits the unknown type job.lost');
    expect(() => checkRouteEmits(fleet, [write(['job.begun']), write()])).not.to.throw();
  });
});
