import { AssertionError } from 'node:assert';
import { expect } from 'chai';
import { spec } from 'flotilla/testing';
import type { Decider } from '../../src/aggregates/decider.js';
import { PermanentError } from '../../src/errors.js';

type Added = { type: 'tally.added'; data: { by: number; note?: string | undefined } };

const tally: Decider<{ sum: number }, { add: number }, Added> = {
  aggregate: 'tally',
  events: ['tally.added'],
  initial: { sum: 0 },
  decide: ({ add }, { sum }) => {
    if (sum + add > 10) throw new PermanentError('tally.full', 'A tally goes to ten');
    return add === 0 ? [] : [{ type: 'tally.added', data: { by: add, note: undefined } }];
  },
  evolve: ({ sum }, { data }) => ({ sum: sum + data.by }),
};

const added = (by: number): Added => ({ type: 'tally.added', data: { by } });

function failure(expectation: () => void): AssertionError {
  try {
    expectation();
  } catch (error) {
    if (error instanceof AssertionError) return error;
    throw error;
  }
  throw new Error('the expectation held');
}

describe('aggregates: spec', () => {
  it('passes when the decider returns the expected events or refusal', () => {
    spec(tally).when({ add: 3 }).then(added(3));
    spec(tally).given(added(3), added(4)).when({ add: 3 }).then(added(3));
    spec(tally).given(added(3)).when({ add: 0 }).nothing();
    spec(tally).given(added(3)).when({ add: 0 }).then();
    spec(tally).given(added(3), added(4)).when({ add: 4 }).rejects('tally.full');
  });

  it('reports expected and actual events otherwise', () => {
    const other = failure(() => spec(tally).when({ add: 3 }).then(added(4)));
    expect(other.message).to.match(/^tally: other events than expected/);
    expect(other.message).to.match(/^\+ +by: 3$/m);
    expect(other.message).to.match(/^- +by: 4$/m);
    expect(other.actual).to.deep.equal({ events: [added(3)] });
    expect(other.expected).to.deep.equal({ events: [added(4)] });
    for (const wrong of [
      () => spec(tally).when({ add: 3 }).then(),
      () => spec(tally).when({ add: 3 }).nothing(),
      () => spec(tally).when({ add: 0 }).then(added(0)),
      () => spec(tally).when({ add: 3 }).then(added(3), added(3)),
      () => spec(tally).when({ add: 3 }).rejects('tally.full'),
      () => spec(tally).when({ add: 11 }).rejects('tally.empty'),
    ]) {
      failure(wrong);
    }
    const refused = failure(() => spec(tally).when({ add: 11 }).then(added(11)));
    expect(refused.message).to.contain('refused: A tally goes to ten').and.contain('tally.full');
  });

  it('rethrows an unexpected error of the decider', () => {
    const fault = () => {
      throw new TypeError('x is undefined');
    };
    expect(() =>
      spec({ ...tally, decide: fault })
        .when({ add: 1 })
        .rejects('x'),
    ).to.throw(TypeError, 'x is undefined');
  });

  it('detects a decider that mutates the state or an event', () => {
    const evolving = { ...tally, evolve: (state: { sum: number }, { data }: Added) => ((state.sum += data.by), state) };
    expect(() => spec(evolving).given(added(1)).when({ add: 1 }).then(added(1))).to.throw(TypeError);
    expect(tally.initial).to.deep.equal({ sum: 0 });
  });

  it('detects a state that a snapshot would not restore', () => {
    type Seen = { at: Set<number> };
    const remembers: Decider<Seen, { add: number }, Added> = {
      ...tally,
      initial: { at: new Set() },
      decide: ({ add }, { at }) => (at.has?.(add) ? [] : [added(add)]),
      evolve: ({ at }, { data }) => ({ at: new Set([...at, data.by]) }),
    };
    spec(remembers).given(added(1)).when({ add: 1 }).nothing();
    const kept = { ...remembers, snapshot: { every: 10, shape: 1 } };
    expect(failure(() => spec(kept).given(added(1)).when({ add: 1 }).nothing()).message).to.contain('snapshot');
  });

  it('accepts only events and commands of the decider, checked by the compiler', () => {
    const scenario = () => {
      // @ts-expect-error no such event
      spec(tally).given({ type: 'tally.lost', data: { by: 1 } });
      // @ts-expect-error no such command
      spec(tally).when({ subtract: 1 }).nothing();
      const wrong = { type: 'tally.added', data: { by: 'one' } } as const;
      // @ts-expect-error other data
      spec(tally).when({ add: 1 }).then(wrong);
    };
    expect(scenario).to.be.a('function');
  });

  it('rejects with an explanation when it is awaited', async () => {
    const awaited = await Promise.resolve(spec(tally).when({ add: 1 }) as unknown).catch((error: unknown) =>
      String(error),
    );
    expect(awaited).to.contain('This specification expects nothing');
  });
});
