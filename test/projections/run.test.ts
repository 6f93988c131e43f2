import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { FlotillaError, hasCode, PermanentError, type ErrorCode } from '../../src/errors.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { LiveModel } from '../../src/projections/live-model.js';
import { ModelWriter } from '../../src/projections/model-writer.js';
import { prepareProjections } from '../../src/projections/tables/prepare.js';
import { runProjections, type ProjectionsPart } from '../../src/projections/run.js';
import { projectionDefinitionOf, type Projection } from '../../src/projections/definition.js';
import { skipEvent, skipsOf } from '../../src/projections/tables/skips.js';
import type { Store } from '../../src/store/store.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { shop } from '../support/shop.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { interposed } from './support/interposed.js';
import {
  append,
  begun,
  expectedModel,
  finished,
  jobsProjection,
  modelOf,
  pickyProjection,
  someEvents,
} from './support/jobs.js';
import { rejection } from './support/waiting.js';
import { recordingLogger } from '../support/recording-logger.js';
import { eventually } from '../support/eventually.js';
import { seededRandom } from '../support/seed.js';

describe('projections', () => {
  let log: ReturnType<typeof recordingLogger>;
  let temp: TempStore;
  let store: Store;
  const parts: ProjectionsPart[] = [];
  const metrics = createMetrics();

  beforeEach(async () => {
    log = recordingLogger('warn');
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(async () => {
    await Promise.all(parts.splice(0).map((part) => part.stop()));
    await temp.dispose();
  });

  async function run(projections: readonly Projection[], on = store, instance = 'one'): Promise<ProjectionsPart> {
    const part = await runProjections(projections.map(projectionDefinitionOf), {
      store: on,
      instance,
      logger: log.logger,
      metrics,
      leaseTtl: 300,
    });
    parts.push(part);
    return part;
  }
  const shown = async (name: string, projection: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values.find(({ labels }) => labels.projection === projection)
      ?.value;
  /** Rejects every event of the job 13. */
  const unlucky = ({ data }: { data: unknown }) => {
    if ((data as { n: number }).n === 13) throw new PermanentError('job.unlucky', 'There is no job 13.');
  };

  it('process existing and new events of their store', async () => {
    const before = [begun(1), begun(2), finished(1)];
    await append(store, ...before);
    const part = await run([jobsProjection()]);
    await part.caughtUp();
    expect(await modelOf(store)).to.deep.equal(expectedModel(before));
    const after = someEvents(450, seededRandom('run'));
    await append(store, ...after);
    await part.caughtUp();
    expect(await modelOf(store)).to.deep.equal(expectedModel([...before, ...after]));
  });

  it('use the indexes of their tables through the unversioned name', async () => {
    await run([jobsProjection()]);
    const plan = await store.query<{ detail: string }>`
      explain query plan select n from job_list where status = ${'begun'} and n < ${10} order by n desc limit 5`;
    expect(plan.map(({ detail }) => detail)).to.deep.equal([
      'SEARCH job_list__1 USING COVERING INDEX job_list_by_status__1 (status=? AND n<?)',
    ]);
  });

  /** Stores an event that the projection does not handle. */
  const appendOther = () => {
    const origin = originContext({ source: 'core', subject: 'job/1' });
    return store.append('job/1', 'any', [createEvent(shop.definitions, 'job.requested', { n: 1 }, origin)]);
  };

  it('advance past events without a handler, so that their lag stays 0', async () => {
    const part = await run([jobsProjection()]);
    await append(store, begun(1));
    await appendOther();
    await part.caughtUp();
    expect(await store.checkpoint('projection:jobs:1')).to.equal(await store.head());
  });

  it('stop individually at an event that they cannot handle, report it, and resume once it is skipped', async () => {
    const part = await run([pickyProjection(unlucky), jobsProjection()]);
    const events = [begun(1), begun(13), begun(2)];
    const [, poison = ''] = await append(store, ...events);
    const error = await rejection(part.caughtUp());
    expect(error).to.be.instanceOf(FlotillaError).and.have.property('code', 'projection.poison');
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
    await eventually(() => part.state().find(({ name }) => name === 'picky')?.status === 'stopped');
    const [picky, jobs] = part.state();
    expect(picky?.stop).to.include({
      position: 2,
      eventId: poison,
      type: 'job.begun',
      code: 'job.unlucky',
      message: 'There is no job 13.',
    });
    expect(picky).to.include({ position: 1, behind: 2 });
    expect(jobs).to.include({ status: 'running' });
    expect(await shown('flotilla_projection_stopped', 'picky')).to.equal(1);
    expect(await shown('flotilla_projection_lag_events', 'picky')).to.equal(2);
    expect(await shown('flotilla_projection_stopped', 'jobs')).to.equal(0);

    const other = await rejection(skipEvent(store, 'picky', { ...decision, eventId: 'another' }));
    expect(other).to.have.property('code', 'projection.not_stopped');
    await skipEvent(store, 'picky', { ...decision, eventId: poison });
    await part.caughtUp();
    expect(await store.query`select n from picky_list order by n`).to.deep.equal([{ n: 1 }, { n: 2 }]);
    expect(await skipsOf(store.query, 'picky')).to.deep.equal([
      {
        projection: 'picky',
        eventId: poison,
        position: 2,
        type: 'job.begun',
        code: 'job.unlucky',
        message: 'There is no job 13.',
        reason: 'no such job',
        who: 'ada',
        at: '2030-01-01T00:00:00.000Z',
      },
    ]);
    expect(await rejection(skipEvent(store, 'picky', decision))).to.have.property('code', 'projection.not_stopped');
    expect(
      log.lines.map(({ level, projection, message }) => `${level} ${String(projection)} ${message}`),
    ).to.deep.equal([
      'error picky projection: stopped at an event',
      'warn picky projection: skipped an event',
      'error picky projection: updates resumed',
    ]);
  });

  it('advance past later events without a handler in the transaction of a batch', async () => {
    const definition = projectionDefinitionOf(jobsProjection());
    await prepareProjections(store, [definition]);
    await append(store, begun(1));
    await appendOther();
    const writer = new ModelWriter(store, definition, { generation: 1, guard: () => Promise.resolve() });
    const { commits } = store.health();
    expect(await writer.step(0)).to.include({ position: await store.head(), handled: 1 });
    expect(store.health().commits - commits).to.equal(1);
  });

  it('find the failing event in a batch, and commit all events before it', async () => {
    const events = [...Array(150).keys()].map((n) => begun(n < 13 ? n : n + 100));
    await append(store, ...events, begun(13), begun(1));
    const part = await run([jobsProjection({ before: unlucky })]);
    await rejection(part.caughtUp());
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
    expect(await store.checkpoint('projection:jobs:1')).to.equal(150);
  });

  it('retry the event at which they stopped when a process starts, because it may be a new release', async () => {
    const events = [begun(1), begun(13)];
    await append(store, ...events);
    const old = await run([jobsProjection({ before: unlucky })]);
    expect(await rejection(old.caughtUp())).to.have.property('code', 'projection.poison');
    await old.stop();
    let tries = 0;
    const again = await run([
      jobsProjection({
        before: (event) => {
          tries += 1;
          unlucky(event);
        },
      }),
    ]);
    await eventually(() => tries === 1);
    await eventually(() => again.state()[0]?.status === 'stopped');
    await again.stop();
    expect(tries).to.equal(1);
    const mended = await run([jobsProjection()]);
    await eventually(async () => (await store.checkpoint('projection:jobs:1')) === 2);
    await eventually(() => mended.state()[0]?.status === 'running');
    expect(mended.state()[0]).to.have.property('stop', undefined);
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
  });

  it('do not count an attempt while their store could not write', async () => {
    await append(store, begun(13));
    await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
    await new LiveModel(store, projectionDefinitionOf(jobsProjection({ before: unlucky })), Date.now).advance();
    const busy = interposed(
      store,
      (key) => key === 'transaction',
      () => Promise.reject(new FlotillaError('store.busy')),
    );
    const mended = new LiveModel(busy, projectionDefinitionOf(jobsProjection()), Date.now);
    expect(await rejection(mended.advance())).to.have.property('code', 'store.busy');
    expect(await mended.advance()).to.deep.equal({
      kind: 'stepped',
      step: { position: 1, handled: 1, passedOver: [] },
    });
  });

  it('stop at an event of a newer version than they know', async () => {
    await append(store, begun(1));
    const context = originContext({ source: 'core', subject: 'job/1' });
    const event = createEvent(shop.definitions, 'job.begun', { n: 1 }, context);
    await store.append('job/1', 'any', [{ ...event, dataschema: 'urn:flotilla:job.begun:2' }]);
    const part = await run([jobsProjection()]);
    await rejection(part.caughtUp());
    await eventually(() => part.state()[0]?.status === 'stopped');
    expect(part.state()[0]?.stop).to.include({ code: 'contract.newer_version', position: 2 });
  });

  it('wait for a store that temporarily cannot write, and count no event as failed', async () => {
    let refusals: ErrorCode[] = ['store.busy', 'store.full', 'store.group_aborted'];
    const weak = new Proxy(store, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const [refusal, ...rest] = refusals;
          if (key !== 'transaction' || refusal === undefined) return Reflect.apply(value, target, args) as unknown;
          refusals = rest;
          return Promise.reject(new FlotillaError(refusal));
        };
      },
    });
    await append(store, begun(1));
    await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
    const part = await run([jobsProjection()], weak);
    await part.caughtUp();
    expect(refusals).to.deep.equal([]);
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1)]));
    await eventually(() => log.lines.length > 3);
    const rolledBack = 'warn projection: a batch was rolled back';
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      ...[rolledBack, rolledBack, rolledBack],
      'warn projection: batches are committed again',
    ]);
  });

  it('report their lag while their store cannot write', async () => {
    let isFull = false;
    const weak = new Proxy(store, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          key === 'transaction' && isFull
            ? Promise.reject(new FlotillaError('store.full'))
            : (Reflect.apply(value, target, args) as unknown);
      },
    });
    await append(store, begun(1));
    const part = await run([jobsProjection()], weak);
    await part.caughtUp();
    isFull = true;
    await append(store, begun(2), begun(3));
    await eventually(async () => (await shown('flotilla_projection_lag_events', 'jobs')) === 2);
    expect(part.state()[0]).to.include({ status: 'running', behind: 2, position: 1 });
    isFull = false;
    await part.caughtUp();
  });

  it('stop at a handler that awaits anything but its transaction', async () => {
    const part = await run([pickyProjection(() => new Promise((resolve) => setTimeout(resolve, 20)))]);
    await append(store, begun(1));
    await rejection(part.caughtUp());
    await eventually(() => part.state()[0]?.status === 'stopped');
    expect(part.state()[0]?.stop).to.include({ code: 'store.write_awaited' });
    expect(await store.query`select n from picky_list`).to.deep.equal([]);
  });

  it('stop at the event whose handler awaited, not at a later one', async () => {
    const waits = pickyProjection(({ data }) => ((data as { n: number }).n === 13 ? setImmediate() : undefined));
    const part = await run([waits]);
    await append(store, begun(1), begun(2), begun(13), begun(3), begun(4));
    await rejection(part.caughtUp());
    await eventually(() => part.state()[0]?.status === 'stopped');
    expect(part.state()[0]?.stop).to.include({ code: 'store.write_awaited', position: 3 });
    expect(await store.query`select n from picky_list order by n`).to.deep.equal([{ n: 1 }, { n: 2 }]);
  });

  it('find the failing event also when only the commit fails', async () => {
    const strict = shop.defineProjection({
      name: 'strict',
      version: 1,
      tables: {
        strict_list: 'create table strict_list (n bigint not null primary key)',
        strict_done: `create table strict_done (
          n bigint not null primary key references strict_list (n) deferrable initially deferred)`,
      },
      on: {
        'job.begun': async ({ data }, { sql }) => void (await sql`insert into strict_list (n) values (${data.n})`),
        'job.finished': async ({ data }, { sql }) => void (await sql`insert into strict_done (n) values (${data.n})`),
      },
    });
    const [, , , poison = ''] = await append(store, begun(1), begun(2), finished(1), finished(13), finished(2));
    const part = await run([strict, jobsProjection()]);
    expect(await rejection(part.caughtUp())).to.have.property('code', 'projection.poison');
    await eventually(() => part.state()[0]?.status === 'stopped');
    expect(part.state()[0]?.stop).to.include({ position: 4, eventId: poison, code: 'projection.poison' });
    expect(await store.query`select n from strict_done`).to.deep.equal([{ n: 1 }]);
    await skipEvent(store, 'strict', decision);
    await part.caughtUp();
    expect(await store.query`select n from strict_done order by n`).to.deep.equal([{ n: 1 }, { n: 2 }]);
  });

  it('count no event twice when two processes briefly hold the lease', async () => {
    const events = someEvents(3_000, seededRandom('run'));
    for (let at = 0; at < events.length; at += 100) await append(store, ...events.slice(at, at + 100));
    await prepareProjections(store, [projectionDefinitionOf(jobsProjection())]);
    let conflicts = 0;
    const hurry = async (on: Store) => {
      const model = new LiveModel(on, projectionDefinitionOf(jobsProjection()), Date.now);
      while ((await on.checkpoint('projection:jobs:1')) < events.length) {
        await model.advance().catch((error: unknown) => {
          if (!hasCode(error, 'projection.conflict')) throw error;
          conflicts += 1;
        });
      }
    };
    await Promise.all([hurry(store), hurry(await temp.open()), hurry(store)]);
    expect(conflicts).to.be.greaterThan(0);
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
  });

  it('do not update the model of another version', async () => {
    await append(store, begun(1));
    const first = await run([jobsProjection()]);
    await first.caughtUp();
    await first.stop();
    await append(store, begun(2));
    const turn = await new LiveModel(store, projectionDefinitionOf(jobsProjection({ version: 2 })), Date.now).advance();
    expect(turn).to.deep.equal({ kind: 'waiting', because: 'outdated' });
    const second = await run([jobsProjection({ version: 2 })]);
    expect(await rejection(second.caughtUp())).to.have.property('code', 'projection.outdated');
    await eventually(() => second.state()[0]?.status === 'outdated');
    expect(second.state()[0]).to.include({ position: 1, behind: 1, version: 1 });
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1)]));
  });

  it('run in one process at a time, and in the next one when it ends', async () => {
    const other = await temp.open();
    const events = someEvents(1_000, seededRandom('run'));
    const one = await run([jobsProjection()], store, 'one');
    const two = await run([jobsProjection()], other, 'two');
    for (let at = 0; at < events.length; at += 50) {
      await append(store, ...events.slice(at, at + 50));
      if (at === 500) await one.stop();
    }
    await two.caughtUp();
    expect(await modelOf(store)).to.deep.equal(expectedModel(events));
  });

  it('are created once when many processes start at the same time', async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(() => temp.open()));
    await append(store, begun(1), finished(1));
    const all = await Promise.all(stores.map((each, n) => run([jobsProjection()], each, `process-${n}`)));
    await Promise.all(all.map((part) => part.caughtUp()));
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), finished(1)]));
  });

  it('reject a table that belongs to another projection', async () => {
    const error = await rejection(run([jobsProjection(), jobsProjection({ name: 'copy' })]));
    expect(error).to.have.property('code', 'projection.bad_definition');
  });

  it('are created even if a process of another release died while it created them, or creates them now', async () => {
    const other = 'create table job_list__1 (n bigint not null primary key)';
    await store.migrate('projection:jobs', [{ name: 'generation 1', sql: other }]);
    await append(store, begun(1), finished(1));
    const part = await run([jobsProjection()]);
    await part.caughtUp();
    expect(await modelOf(store)).to.deep.equal(expectedModel([begun(1), finished(1)]));
  });

  it('reject the name of an existing table', async () => {
    await store.migrate('something', [{ name: '1', sql: 'create table job_totals (n bigint)' }]);
    const error = await rejection(run([jobsProjection()]));
    expect(error).to.have.property('code', 'projection.bad_definition');
    expect(error).to.have.property('message').that.contains('job_totals');
  });
});

const decision = { reason: 'no such job', who: 'ada', now: () => Date.UTC(2030, 0) };
