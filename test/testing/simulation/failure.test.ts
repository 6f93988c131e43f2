import { runInThisContext } from 'node:vm';
import { expect } from 'chai';
import { explore, simulation, type Attempt, type Simulation } from 'flotilla/simulation';
import { literal } from '../../../src/testing/simulation/explore/literal.js';
import { shop } from '../../support/shop.js';
import { begin, jobs } from './counting.js';

/** Evaluates a literal as a program would. */
const evaluate = (text: string): unknown => runInThisContext(`(${text})`) as unknown;

async function messageOf(running: Promise<unknown>): Promise<string> {
  const error: unknown = await running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error.message : '';
}

/** The attempt printed in a message. */
function printedIn(message: string): Attempt<never> {
  const [, text] = /simulation\.run\(([^]*?)\)\n\n/.exec(message) ?? [];
  return evaluate(text ?? '') as Attempt<never>;
}

describe('a failed simulated run', () => {
  it('prints any input as an expression that evaluates to it', () => {
    for (const value of [
      { a: [1, -0, 5n, 'x\n"\'`${y}'], 'b-c': undefined, d: null },
      [new Date(5), new Date(NaN)],
      new Map([[{ at: new Date(1) }, new Set(['x', 'y'])]]),
      Uint8Array.from([1, 2, 255]),
      JSON.parse('{"__proto__": 1}'),
      'long enough for lines\n'.repeat(50),
    ]) {
      expect(evaluate(literal(value))).to.deep.equal(value);
    }
    const bare: unknown = Object.assign(Object.create(null), { a: { b: 1 } });
    expect(evaluate(literal(bare))).to.deep.equal({ a: { b: 1 } });
    const circle: unknown[] = [];
    circle.push(circle);
    expect(literal(circle)).to.contain('[Circular *1]');
  });

  it('fails again when pasted, with many faults and an input that is not JSON', async () => {
    const fails = simulation<object, Map<string, Date> | undefined>({
      workers: [shop.defineWorker({ name: 'w', on: { 'job.begun': () => undefined } })],
      inputs: (fc) => fc.date({ min: new Date(9), noInvalidDate: true }).map((at) => new Map([['at', at]])),
      scenario: (run) => begin(run, 1),
      check(_run, _world, input) {
        throw new Error(`bad at ${input?.get('at')?.toJSON()}`);
      },
    });
    const message = await messageOf(explore(fails, { runs: 5, seed: 1 }));
    expect(message).to.contain('bad at 1970-01-01T00:00:00.009Z');
    expect(await messageOf(fails.run(printedIn(message)))).to.contain('bad at 1970-01-01T00:00:00.009Z');
  });

  it('prints faults that can be pasted, also when none can be omitted', async () => {
    const seen: Attempt[] = [];
    const watched = jobs();
    const attempt: Simulation['attempt'] = (given) => {
      seen.push(given);
      return watched.attempt(given);
    };
    await explore({ ...watched, attempt }, { runs: 50, seed: 1 });
    for (const { faults = [] } of seen) expect(evaluate(literal(faults))).to.deep.equal(faults);
    for (const fault of seen.flatMap(({ faults = [] }) => faults)) {
      expect(Object.getPrototypeOf(fault)).to.equal(Object.prototype);
    }
  });

  it('repeats an undefined input as undefined', async () => {
    const optional = simulation<object, number | undefined>({
      workers: [],
      inputs: (fc) => fc.option(fc.nat(), { nil: undefined }),
      scenario: () => undefined,
      check(_run, _world, input) {
        if (input === undefined) throw new Error('nothing given');
      },
    });
    const message = await messageOf(explore(optional, { runs: 100, seed: 1 }));
    expect(message).to.contain('input: undefined');
    const pasted = printedIn(message);
    for (const seed of [1, 2, 3, 4]) {
      expect(await messageOf(optional.run({ ...pasted, seed }))).to.contain('nothing given');
    }
  });

  it('prints the beginning and the end of a long trace', async () => {
    const long = jobs({
      count: 300,
      check: () => {
        throw new Error('no');
      },
    });
    const { trace } = await long.attempt({ seed: 1 });
    expect(trace.length).to.be.greaterThan(600);
    const message = await messageOf(long.run({ seed: 1 }));
    expect(message.split('\n').length).to.be.within(400, 410);
    expect(message).to.contain(`… ${trace.length - 400} lines`);
    for (const line of [trace[0], trace.at(-1)]) expect(message).to.contain(line);
  });
});
