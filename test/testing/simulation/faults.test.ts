import { expect } from 'chai';
import { simulation, type Fault } from 'flotilla/simulation';
import { shop } from '../../support/shop.js';
import { begin, jobs, tally, type Counted } from './counting.js';

/** Runs one job with these faults and returns its stored rows and effects. */
async function oneJob(faults: readonly Fault[], options: Parameters<typeof jobs>[0] = {}) {
  let noted: Record<number, number> = {};
  let finished = 0;
  let world: Counted | undefined;
  const result = await jobs({
    ...options,
    async check(run, counted) {
      world = counted;
      noted = await tally(run);
      finished = (await run.store('counting').readAll(0, 100, { type: 'job.finished' })).length;
    },
  }).run({ seed: 3, faults });
  const effects = [...(world?.effects.values() ?? [])];
  return { ...result, noted, finished, effects, seen: world?.seen ?? [], responses: world?.responses ?? [] };
}

describe('a fault in a simulation', () => {
  it('does not occur unless requested: each job is done once', async () => {
    const { noted, finished, effects, seen, counts, deadLetters } = await oneJob([], { count: 3 });
    expect(noted).to.deep.equal({ 1: 1, 2: 1, 3: 1 });
    expect({ finished, effects }).to.deep.equal({ finished: 3, effects: [1, 1, 1] });
    expect(seen).to.deep.equal(Array(3).fill({ attempt: 1, mayHaveBegun: false }));
    expect(counts).to.deep.equal({ deliveries: 3, commits: 3, calls: 3, copies: 0, crashes: 0 });
    expect(deadLetters).to.deep.equal([]);
  });

  it('before a commit stores nothing, and the message is redelivered as possibly started', async () => {
    const { noted, finished, effects, seen, trace } = await oneJob([{ kind: 'crash', commit: 1, when: 'before' }]);
    expect({ noted, finished, effects }).to.deep.equal({ noted: { 1: 1 }, finished: 1, effects: [2] });
    expect(seen.map(({ mayHaveBegun }) => mayHaveBegun)).to.deep.equal([false, true]);
    expect(trace.join('\n')).to.contain('*** dies before commit 1, of job.begun job/1 (delivery 1)');
    expect(trace.join('\n')).to.contain('starts again');
  });

  it('before each commit of a process stores nothing', async () => {
    const faults = Array.from({ length: 4 }, (_, n): Fault => ({ kind: 'crash', commit: n + 1, when: 'before' }));
    const { noted, finished, deadLetters } = await oneJob(faults);
    expect({ noted, finished }).to.deep.equal({ noted: {}, finished: 0 });
    expect(deadLetters.map(({ code }) => code)).to.deep.equal(['worker.crash_loop']);
  });

  it('after a commit stores one result, and the redelivered message is recognized', async () => {
    const { noted, finished, effects, trace } = await oneJob([{ kind: 'crash', commit: 1, when: 'after' }]);
    expect({ noted, finished, effects }).to.deep.equal({ noted: { 1: 1 }, finished: 1, effects: [1] });
    expect(trace.at(-1)).to.contain('was handled already');
  });

  it('at a delivery ends the process before any work, and returns its messages in flight', async () => {
    const { noted, effects, trace } = await oneJob([{ kind: 'crash', delivery: 1 }], { count: 5 });
    expect(noted).to.deep.equal({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1 });
    expect(effects).to.have.length(5);
    expect(trace.filter((line) => line.includes('*** dies'))).to.have.length(1);
  });

  it('occurs as often as it is listed', async () => {
    const crash: Fault = { kind: 'crash', delivery: 1 };
    const { counts, unusedFaults, noted } = await oneJob([crash, crash, { kind: 'crash', delivery: 7 }]);
    expect(counts.crashes).to.equal(2);
    expect(unusedFaults).to.deep.equal([{ kind: 'crash', delivery: 7 }]);
    expect(noted).to.deep.equal({ 1: 1 });
  });

  it('delivers a message twice', async () => {
    const { noted, effects, trace, virtualTime } = await oneJob([{ kind: 'duplicate', delivery: 1, after: 5000 }]);
    expect(virtualTime).to.be.within(5000, 9000);
    expect({ noted, effects }).to.deep.equal({ noted: { 1: 1 }, effects: [1] });
    expect(trace.at(-1)).to.contain('was handled already');
  });

  it('delivers a message late by the given time', async () => {
    const { virtualTime } = await oneJob([]);
    const late = await oneJob([{ kind: 'delay', delivery: 1, by: 60_000 }]);
    expect(late.virtualTime).to.equal(virtualTime + 60_000);
  });

  it('drops a message permanently only if allowed, and otherwise redelivers it later', async () => {
    const drop: Fault = { kind: 'drop', delivery: 1 };
    const kept = await oneJob([drop]);
    expect(kept.noted).to.deep.equal({ 1: 1 });
    expect(kept.seen).to.deep.equal([{ attempt: 1, mayHaveBegun: true }]);
    const lost = await oneJob([drop], { mayDrop: ({ type }, worker) => type === 'job.begun' && worker === 'counting' });
    expect(lost.noted).to.deep.equal({});
    for (const mayDrop of [
      ({ type }: { type: string }) => type === 'job.finished',
      (_event: unknown, worker: string) => worker !== 'counting',
    ]) {
      expect((await oneJob([drop], { mayDrop })).noted).to.deep.equal({ 1: 1 });
    }
  });

  it('makes a call fail before or after its effect', async () => {
    const refused = await oneJob([{ kind: 'call', call: 1, outcome: 'unavailable' }]);
    expect(refused.effects).to.deep.equal([1]);
    const unheard = await oneJob([{ kind: 'call', call: 1, outcome: 'answer_lost' }]);
    expect(unheard.effects).to.deep.equal([2]);
    for (const { noted, seen } of [refused, unheard]) {
      expect(noted).to.deep.equal({ 1: 1 });
      expect(seen).to.deep.equal([
        { attempt: 1, mayHaveBegun: false },
        { attempt: 2, mayHaveBegun: true },
      ]);
    }
  });

  it('ends the process during a call: the call takes effect, and the result is stored on redelivery', async () => {
    const { noted, effects, responses, counts, virtualTime } = await oneJob([
      { kind: 'call', call: 1, outcome: 'crash' },
    ]);
    expect(virtualTime, 'no time-out of a dead handler is waited for').to.be.lessThan(30_000);
    expect(responses, 'a dead process receives no response').to.deep.equal([1]);
    expect({ noted, effects, crashes: counts.crashes }).to.deep.equal({ noted: { 1: 1 }, effects: [2], crashes: 1 });
  });

  it('between a retry and its ack causes two retries, and one handling', async () => {
    const { noted, effects, counts } = await oneJob([
      { kind: 'call', call: 1, outcome: 'unavailable' },
      { kind: 'crash', copy: 1 },
    ]);
    expect({ noted, effects }).to.deep.equal({ noted: { 1: 1 }, effects: [1] });
    expect(counts).to.include({ copies: 1, crashes: 1 });
  });

  it('in one replica does not affect the others', async () => {
    const { noted, trace } = await oneJob([{ kind: 'crash', delivery: 1 }], { count: 4, replicas: { counting: 2 } });
    expect(noted).to.deep.equal({ 1: 1, 2: 1, 3: 1, 4: 1 });
    for (const replica of ['counting#1', 'counting#2']) expect(trace.join('\n')).to.contain(replica);
  });

  it('discards all later actions of a dead process', async () => {
    let ran = 0;
    const patient = shop.defineWorker({
      name: 'patient',
      setup: () => ({ wait: async () => {}, act: async (_key: string) => {} }),
      on: {
        'job.begun': async (_event, ctx) => {
          await ctx.use.wait();
          ran += 1;
          await ctx.call('tool', () => ctx.use.act(ctx.key));
        },
      },
    });
    let acts = 0;
    const { counts } = await simulation({
      workers: [patient],
      setup: (run) => ({
        use: { patient: { wait: () => run.sleep('20s'), act: run.externalCall('tool', () => (acts += 1)) } },
      }),
      async scenario(run) {
        await begin(run, 1);
        run.at('10s', () => begin(run, 2));
      },
      check: () => undefined,
    }).run({ seed: 1, faults: [{ kind: 'crash', delivery: 2 }] });
    expect(ran).to.equal(3);
    expect({ acts, calls: counts.calls, commits: counts.commits }).to.deep.equal({ acts: 2, calls: 2, commits: 2 });
  });
});
