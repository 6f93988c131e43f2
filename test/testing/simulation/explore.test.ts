import { expect } from 'chai';
import { explore, simulation, type FaultKind } from 'flotilla/simulation';
import { shop } from '../../support/shop.js';
import { begin, jobs, tally, type Counted } from './counting.js';

const once = (_run: unknown, { effects }: Counted) => {
  for (const times of effects.values()) if (times > 1) throw new Error(`done ${times} times`);
};

const failureOf = (running: Promise<unknown>): Promise<Error & { code?: string }> =>
  running.then(
    () => Promise.reject(new Error('nothing was found')),
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );

describe('exploring a simulation @slow', () => {
  it('finds no failure in a correct worker, and reports the number of injected faults', async () => {
    const noted = jobs({
      count: 3,
      check: async (run) => expect(await tally(run)).to.deep.equal({ 1: 1, 2: 1, 3: 1 }),
    });
    const { runs, seed, faults } = await explore(noted, { runs: 100, seed: 11 });
    expect({ runs, seed }).to.deep.equal({ runs: 100, seed: 11 });
    expect(faults).to.be.greaterThan(100);
  });

  it('finds a worker whose external calls are not idempotent, and the one fault that reveals it', async () => {
    const { message, code } = await failureOf(explore(jobs({ count: 3, check: once }), { runs: 200, seed: 4 }));
    expect(code).to.equal('simulation.failed');
    expect(message.split('\n')[0]).to.equal('A simulated run violates a promise: done 2 times');
    expect(message).to.match(/found in run \d+ of explore\(…, \{ seed: 4 \}\), shortened \d+ times/);
    expect(message).to.match(/simulation\.run\(\{ seed: \d+, faults: \[ \{ kind: '(call|crash)'[^}]*\} \] \}\)/);
    expect(message).to.contain('events (faults: 1):');
  });

  it('prints a run that fails again when repeated', async () => {
    const broken = jobs({ count: 3, check: once });
    const { message } = await failureOf(explore(broken, { runs: 200, seed: 5, kinds: ['call'] }));
    const [, seed, call, outcome] =
      /seed: (\d+), faults: \[ \{ kind: 'call', call: (\d+), outcome: '(\w+)' \} \]/.exec(message) ?? [];
    expect(outcome).to.be.oneOf(['answer_lost', 'crash']);
    const again = await broken.attempt({
      seed: Number(seed),
      faults: [{ kind: 'call', call: Number(call), outcome: outcome === 'crash' ? 'crash' : 'answer_lost' }],
    });
    expect(again.error).to.have.property('message', 'done 2 times');
    for (const line of again.trace) expect(message).to.contain(line);
  });

  it('explores the same for the same seed', async () => {
    const messages = await Promise.all(
      [1, 2].map(() => failureOf(explore(jobs({ count: 2, check: once }), { runs: 200, seed: 6 }))),
    );
    expect(messages[0]?.message).to.equal(messages[1]?.message);
  });

  it('generates and shrinks the input of the scenario', async () => {
    const lists = simulation<Counted, number[]>({
      workers: [],
      inputs: (fc) => fc.array(fc.nat(100), { maxLength: 10 }),
      scenario: () => undefined,
      check(_run, _world, numbers) {
        if (numbers.some((n) => n > 41)) throw new Error('too much');
      },
    });
    const { message } = await failureOf(explore(lists, { runs: 100, seed: 1 }));
    expect(message).to.match(/simulation\.run\(\{ seed: \d+, faults: \[\], input: \[ 42 \] \}\)/);
  });

  it('replaces a run whose precondition does not hold', async () => {
    let pre: ((holds: boolean) => void) | undefined;
    let checked = 0;
    const numbers = simulation<object, number>({
      workers: [],
      inputs(fc) {
        pre = (holds) => fc.pre(holds);
        return fc.nat(9);
      },
      scenario: () => undefined,
      check(_run, _world, n) {
        pre?.(n > 4);
        checked += 1;
      },
    });
    await explore(numbers, { runs: 30, seed: 1 });
    expect(checked).to.be.at.least(30);
  });

  it('injects only the requested kinds of faults', async () => {
    const seen = new Set<FaultKind>();
    const watched = jobs({ count: 2 });
    const attempt: typeof watched.attempt = (given) => {
      for (const { kind } of given.faults ?? []) seen.add(kind);
      return watched.attempt(given);
    };
    await explore({ ...watched, attempt }, { runs: 50, seed: 1, kinds: ['delay', 'drop'] });
    expect([...seen].sort()).to.deep.equal(['delay', 'drop']);
    await explore({ ...watched, attempt }, { runs: 100, seed: 1 });
    expect([...seen].sort()).to.deep.equal(['call', 'crash', 'delay', 'drop', 'duplicate']);
  });

  it('reports when a failed run does not fail again', async () => {
    let runs = 0;
    const moody = simulation({
      workers: [shop.defineWorker({ name: 'w', on: { 'job.begun': () => undefined } })],
      scenario: (run) => begin(run, 1),
      check: () => {
        if (++runs === 20) throw new Error('once');
      },
    });
    const { message } = await failureOf(explore(moody, { runs: 100, seed: 1 }));
    expect(message).to.contain('once');
    expect(message).to.contain('takes real time or chance');
  });
});
