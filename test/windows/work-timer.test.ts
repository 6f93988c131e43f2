import { expect } from 'chai';
import type { Clock } from '../../src/concurrency/clock.js';
import { WorkTimer } from '../../src/windows/reader/work-timer.js';

describe('timed work', () => {
  /** Runs work on a clock that moves only when `pass` is called; `due` is when the work is due. */
  const start = (due: number) => {
    const state = { now: 0, due, runs: [] as number[] };
    let timer: { at: number; fire: () => void } | undefined;
    const clock: Clock = {
      now: () => state.now,
      elapsed: () => state.now,
      after(milliseconds, fire) {
        timer = { at: state.now + milliseconds, fire };
        return () => (timer = undefined);
      },
      every: () => () => undefined,
    };
    const run = () => {
      state.runs.push(state.now);
      return Promise.resolve();
    };
    const work = new WorkTimer({ dueAt: () => state.due, run }, clock);
    const stop = new AbortController();
    const ended = work.runUntil(stop.signal);
    /** Lets the work run that is due, then moves the clock to the timer, at most to `to`. */
    const pass = async (to: number) => {
      for (;;) {
        await new Promise(setImmediate);
        const next = timer;
        if (next === undefined || next.at > to) break;
        state.now = next.at;
        timer = undefined;
        next.fire();
      }
      state.now = to;
    };
    return { state, work, pass, end: () => (stop.abort(), ended) };
  };

  it('runs when it is due, and at least every 5 s', async () => {
    const { state, pass, end } = start(2_000);
    await pass(2_000);
    expect(state.runs, 'not before it is due').to.deep.equal([0]);
    const due = pass(2_001);
    state.due = Infinity;
    await due;
    await pass(12_500);
    await end();
    expect(state.runs).to.deep.equal([0, 2_001, 7_002, 12_003]);
  });

  it('is repeated every 100 ms while it is still due', async () => {
    const { state, pass, end } = start(0);
    await pass(350);
    await end();
    expect(state.runs).to.deep.equal([0, 101, 202, 303]);
  });

  it('runs earlier after a change that makes it due earlier, and only then', async () => {
    const { state, work, pass, end } = start(4_000);
    await pass(1_000);
    work.changed();
    await pass(1_001);
    state.due = 1_500;
    work.changed();
    await pass(1_200);
    expect(state.runs, 'not before it is due').to.deep.equal([0]);
    await pass(1_610);
    await end();
    expect(state.runs).to.deep.equal([0, 1_501, 1_602]);
  });
});
