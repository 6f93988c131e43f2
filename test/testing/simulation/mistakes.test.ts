import { expect } from 'chai';
import { defineJournal, type Worker } from 'flotilla';
import { simulation, type SimulationOptions, type World } from 'flotilla/simulation';
import { shop } from '../../support/shop.js';
import { begin } from './counting.js';

const never = () => new Promise<void>(() => undefined);

function later(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const worker = (name: string, handle: () => unknown = () => undefined): Worker =>
  shop.defineWorker({
    name,
    on: {
      'job.begun': async () => {
        await handle();
      },
    },
  });

const simulate = (options: Partial<SimulationOptions<World, undefined>>) =>
  simulation({
    workers: [worker('quiet')],
    scenario: (run) => begin(run, 1),
    check: () => undefined,
    ...options,
  });

/** The error of a simulated run with these options. */
async function errorOf(options: Partial<SimulationOptions<World, undefined>>): Promise<unknown> {
  return (await simulate(options).attempt({ seed: 1 })).error;
}

function expectError(error: unknown, code: string, detail: string): void {
  expect(error).to.have.property('code', code);
  expect(error).to.have.property('message').that.contains(detail);
}

describe('an invalid simulation', () => {
  it('reports the handlers that wait for something not simulated', async () => {
    const error = await errorOf({ workers: [worker('waiting', never), worker('quiet')] });
    expectError(error, 'simulation.stuck', 'handlers: waiting: job.begun job/1 (delivery 1)');
  });

  it('reports a handler that waits at a later attempt, in an ordered worker', async () => {
    const handle = (attempt: number) => (attempt === 1 ? Promise.reject(new Error('once')) : never());
    const ordered = shop.defineWorker({
      name: 'ordered',
      ordering: 'subject',
      on: { 'job.begun': (_event, ctx) => handle(ctx.attempt) },
    });
    const error = await errorOf({ workers: [ordered] });
    expectError(error, 'simulation.stuck', 'handlers: ordered: job.begun job/1 (delivery 1)');
  });

  it('has a result that later real-time events do not change', async () => {
    const { promise, resolve } = later();
    const over = later();
    let act: () => unknown = () => undefined;
    const { trace, counts, error } = await simulate({
      workers: [
        worker('dawdling', async () => {
          await promise;
          act();
          over.resolve();
        }),
      ],
      setup(run) {
        act = run.externalCall('tool', () => undefined);
        return {};
      },
    }).attempt({ seed: 1 });
    const before = { trace: [...trace], counts: { ...counts } };
    resolve();
    await over.promise;
    expect(error).to.have.property('code', 'simulation.stuck');
    expect({ trace, counts }).to.deep.equal(before);
  });

  it('reports whether the scenario, the check or the start of a worker waits', async () => {
    const late = shop.defineWorker({ name: 'late', setup: never, on: { 'job.begun': () => undefined } });
    expectError(await errorOf({ scenario: never }), 'simulation.stuck', ': the scenario');
    expectError(await errorOf({ check: never }), 'simulation.stuck', ': the check');
    expectError(await errorOf({ workers: [late] }), 'simulation.stuck', ': the start of the workers');
  });

  it('continues after a transaction that awaits another operation, and reports it', async () => {
    const error = await errorOf({
      scenario: (run) => run.store('jobs').transaction(async () => void (await run.store('jobs').read('job/1'))),
    });
    expect(error).to.have.property('code', 'store.write_awaited');
  });

  it('does not report long reads of a stream as waiting', async () => {
    const error = await errorOf({
      workers: [],
      async scenario(run) {
        for (let n = 0; n < 500; n++) await begin(run, 1);
        expect(await run.store('jobs').read('job/1')).to.have.length(500);
        await run.sleep('1s');
      },
    });
    expect(error).to.equal(undefined);
  });

  it('rejects an asynchronous invariant, whose rejection would be lost', async () => {
    const error = await errorOf({ invariant: () => Promise.reject(new Error('broken')) as never });
    expectError(error, 'config.invalid', 'must be synchronous');
  });

  it('rejects options for workers that it does not have, so that no real `setup` runs by mistake', async () => {
    expect(() => simulate({ replicas: { quite: 2 } })).to.throw('replicas: the simulation has no worker quite');
    expectError(
      await errorOf({ setup: () => ({ use: { quite: {} } }) }),
      'config.invalid',
      'use: the simulation has no worker quite',
    );
  });

  it('rejects two workers with the same name, and a worker that reads the raw log', () => {
    for (const workers of [[worker('one'), worker('one')], [defineJournal({ name: 'journal' })]]) {
      expect(() => simulate({ workers }))
        .to.throw()
        .with.property('code', 'config.invalid');
    }
  });
});
