import { expect } from 'chai';
import { PermanentError, type Worker } from 'flotilla';
import { simulation, type Fault } from 'flotilla/simulation';
import { VirtualClock } from '../../../src/testing/simulation/virtual-clock.js';
import { shop } from '../../support/shop.js';
import { begin, jobs } from './counting.js';

const FAULTS: readonly Fault[] = [
  { kind: 'crash', commit: 2, when: 'after' },
  { kind: 'duplicate', delivery: 1, after: 400 },
  { kind: 'call', call: 3, outcome: 'answer_lost' },
];
const EPOCH = Date.UTC(2026, 0, 1);

/** Fails the given number of attempts, and emits an event when retries are exhausted. */
const failing = (times: number, emits: () => void = () => undefined): Worker =>
  shop.defineWorker({
    name: 'failing',
    retry: { delays: ['1s', '10m'] },
    emits: ['job.failed', 'job.finished'],
    on: {
      'job.begun': (_event, ctx) => {
        if (ctx.attempt <= times) throw new Error('not today');
        ctx.emit('job.finished', { n: ctx.attempt });
        emits();
      },
    },
    onRetriesExhausted: (_event, error, ctx) => ctx.emit('job.failed', { n: 1, reason: error.message }),
  });

describe('a simulated run', () => {
  it('has an identical trace when repeated', async () => {
    const traces: (readonly string[])[] = [];
    for (const each of [jobs({ count: 6 }), jobs({ count: 6 })]) {
      for (let n = 0; n < 2; n++) traces.push((await each.run({ seed: 5, faults: FAULTS })).trace);
    }
    for (const trace of traces) expect(trace).to.deep.equal(traces[0]);
    expect(traces[0]?.length).to.be.greaterThan(12);
  });

  it('stores byte-identical events when repeated', async () => {
    const bodies: string[][] = [];
    const repeated = jobs({
      count: 4,
      async check(run) {
        bodies.push((await run.store('counting').readAll(0)).map(({ body }) => body));
      },
    });
    for (let n = 0; n < 2; n++) await repeated.run({ seed: 5, faults: FAULTS });
    expect(bodies[0]).to.have.length(4);
    expect(bodies[1]).to.deep.equal(bodies[0]);
  });

  it('has another order with another seed', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      const { trace } = await jobs({ count: 4 }).run({ seed });
      orders.add(trace.flatMap((line) => /job\/(\d) .*-> job.finished/.exec(line)?.[1] ?? []).join(' '));
    }
    expect(orders.size).to.be.greaterThan(4);
  });

  it('is unchanged before the first fault', async () => {
    const { trace } = await jobs({ count: 6 }).run({ seed: 5 });
    const delayed = await jobs({ count: 6 }).run({ seed: 5, faults: [{ kind: 'call', call: 5, outcome: 'crash' }] });
    const place = delayed.trace.findIndex((line) => line.includes('***'));
    expect(place).to.be.greaterThan(3);
    expect(delayed.trace.slice(0, place)).to.deep.equal(trace.slice(0, place));
  });

  it('retries after the delay of the worker, in virtual time', async () => {
    const times: number[] = [];
    const { trace } = await simulation({
      workers: [failing(2)],
      scenario: (run) => begin(run, 1),
      check: async (run) => {
        times.push(...(await run.store('failing').readAll(0)).map(({ time }) => time - EPOCH));
      },
    }).run({ seed: 1 });
    const began = Number(/(\d+\.\d+) s +failing .*again in 1s/.exec(trace.join('\n'))?.[1]) * 1000;
    expect(times).to.deep.equal([began + 1_000 + 600_000]);
  });

  it('ends with a dead letter when the delays are used up, and publishes a notice', async () => {
    const codes: unknown[] = [];
    const listener = shop.defineWorker({
      name: 'listener',
      on: { 'message.dead_lettered': ({ data }) => void codes.push(data.code) },
    });
    const { deadLetters, virtualTime, trace } = await simulation({
      workers: [failing(3), listener],
      scenario: (run) => begin(run, 1),
      check: async (run) => {
        const [event] = await run.store('failing').readAll(0);
        expect(event?.event.data).to.deep.equal({ n: 1, reason: 'not today' });
      },
    }).run({ seed: 1 });
    expect(deadLetters).to.have.length(1);
    expect(deadLetters[0]).to.include({ worker: 'failing', type: 'job.begun', code: 'worker.handler_failed' });
    expect(codes).to.deep.equal(['worker.handler_failed']);
    expect(virtualTime).to.be.greaterThan(601_000);
    expect(trace.join('\n')).to.contain('is dead-lettered (worker.handler_failed: not today)  -> job.failed');
  });

  it('keeps one dead letter when the process dies before its ack', async () => {
    const refusing = shop.defineWorker({
      name: 'refusing',
      on: {
        'job.begun': () => {
          throw new PermanentError('job.nonsense', 'no');
        },
      },
    });
    const { deadLetters, counts } = await simulation({
      workers: [refusing],
      scenario: (run) => begin(run, 1),
      check: () => undefined,
    }).run({ seed: 1, faults: [{ kind: 'crash', copy: 1 }] });
    expect(deadLetters.map(({ code }) => code)).to.deep.equal(['job.nonsense']);
    expect(counts).to.include({ copies: 2, crashes: 1 });
  });

  it('fires timers at their time, even if the process that set them dies', async () => {
    const later = shop.defineWorker({
      name: 'later',
      emits: ['job.finished'],
      on: { 'job.begun': ({ data: { n } }, ctx) => ctx.schedule('90m', 'job.finished', { n }) },
    });
    let due = 0;
    const { trace } = await simulation({
      workers: [later],
      scenario: (run) => begin(run, 1),
      check: async (run) => {
        const [finished] = await run.store('later').readAll(0);
        due = (finished?.time ?? 0) - EPOCH;
      },
    }).run({ seed: 1, faults: [{ kind: 'crash', commit: 1, when: 'after' }] });
    const set = Number(/(\d+\.\d+) s .*dies after commit 1/.exec(trace.join('\n'))?.[1]) * 1000;
    // the handler ran a millisecond before its commit
    expect(due).to.equal(Math.round(set) - 1 + 90 * 60_000);
    expect(trace.at(-1)).to.match(new RegExp(`${(due / 1000).toFixed(3)} s +later +timer: job.finished job/1`));
  });

  it('never exceeds the prefetch', async () => {
    for (const prefetch of [1, 3]) {
      let inside = 0;
      let most = 0;
      const narrow = shop.defineWorker({
        name: 'narrow',
        prefetch,
        setup: () => ({ act: async (): Promise<void> => undefined }),
        on: {
          'job.begun': async (_event, ctx) => {
            most = Math.max(most, ++inside);
            await ctx.use.act();
            inside -= 1;
          },
        },
      });
      await simulation({
        workers: [narrow],
        setup: (run) => ({ use: { narrow: { act: () => run.sleep('10s') } } }),
        scenario: async (run) => {
          for (let n = 0; n < 8; n++) await begin(run, n);
        },
        check: () => undefined,
      }).run({ seed: 1 });
      expect(most).to.equal(prefetch);
    }
  });

  it('ends a handler that exceeds its timeout, in virtual time', async () => {
    const slow = shop.defineWorker({
      name: 'slow',
      timeout: '5s',
      retry: { delays: ['1s'] },
      setup: () => ({ act: async (): Promise<void> => undefined }),
      on: { 'job.begun': async (_event, ctx) => ctx.use.act() },
    });
    const { deadLetters } = await simulation({
      workers: [slow],
      setup: (run) => ({ use: { slow: { act: () => run.sleep('6s') } } }),
      scenario: (run) => begin(run, 1),
      check: () => undefined,
    }).run({ seed: 1 });
    expect(deadLetters.map(({ code }) => code)).to.deep.equal(['worker.timeout']);
  });

  it('fails if it does not end', async () => {
    const echo = shop.defineWorker({
      name: 'echo',
      emits: ['job.begun'],
      on: { 'job.begun': ({ data }, ctx) => ctx.emit('job.begun', data) },
    });
    const base = {
      workers: [echo],
      scenario: (run: Parameters<typeof begin>[0]) => begin(run, 1),
      check: () => undefined,
    };
    for (const limits of [{ tasks: 100 }, { virtualTime: '1m' }]) {
      const { error, trace } = await simulation({ ...base, limits }).attempt({ seed: 1 });
      expect(error).to.have.property('code', 'simulation.endless');
      expect(trace.length).to.be.greaterThan(5);
    }
  });

  it('stops when the invariant is violated, and prints how to repeat it', async () => {
    const watched = jobs({
      invariant: (_run, { effects }) => {
        for (const times of effects.values()) if (times > 1) throw new Error('done twice');
      },
    });
    await watched.run({ seed: 1 });
    const faults: Fault[] = [{ kind: 'call', call: 1, outcome: 'answer_lost' }];
    const error = await watched.run({ seed: 1, faults }).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'simulation.failed');
    expect(error).to.have.property('message').that.contains('done twice');
    expect(error)
      .to.have.property('message')
      .that.contains(`simulation.run({ seed: 1, faults: [ { kind: 'call', call: 1, outcome: 'answer_lost' } ] })`);
    expect(error).to.have.property('message').that.contains('(call 1) is done, and its reply is lost');
  });

  it('fails with an error of the scenario, including a later one', async () => {
    const late = jobs({ scenario: (run) => run.at('1h', () => Promise.reject(new Error('so late'))) });
    expect((await late.attempt({ seed: 1 })).error).to.have.property('message', 'so late');
  });

  it('lets the check continue in virtual time', async () => {
    const { virtualTime } = await jobs({
      check: async (run) => {
        await run.sleep('2h');
        await begin(run, 2);
        await run.sleep('1h');
        expect(await run.store('counting').head()).to.equal(2);
      },
    }).run({ seed: 1 });
    expect(virtualTime).to.be.at.least(3 * 3_600_000);
  });
});

describe('virtual time', () => {
  it('runs tasks in the order of their times, and tasks of one time in insertion order', async () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    const wanted: { time: number; n: number }[] = [];
    for (let n = 0; n < 300; n++) {
      const time = (n * 7919) % 41;
      wanted.push({ time, n });
      const callOff = clock.after(time, () => ran.push(n));
      if (n % 5 === 0) callOff();
    }
    await clock.run({ tasks: 1000, virtualTime: 1000 }, () => undefined);
    const order = wanted.filter(({ n }) => n % 5 !== 0).sort((a, b) => a.time - b.time || a.n - b.n);
    expect(ran).to.deep.equal(order.map(({ n }) => n));
  });

  it('repeats work at an interval until it is cancelled, and ends although some is left', async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    const stop = clock.every(10, () => ran.push(`a${clock.elapsed()}`));
    clock.every(30, () => ran.push(`b${clock.elapsed()}`));
    clock.after(25, stop);
    clock.after(65, () => ran.push('end'));
    clock.after(1_000, () => ran.push('never'))();
    await clock.run({ tasks: 1000, virtualTime: 1000 }, () => undefined);
    expect(ran).to.deep.equal(['a10', 'a20', 'b30', 'b60', 'end']);
  });
});
