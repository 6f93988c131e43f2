import { expect } from 'chai';
import { defineLoad, type EndedItem } from 'flotilla';
import { z } from 'zod';
import * as simulate from '../../../src/cli/commands/simulate/index.js';
import { runLoad } from '../../../src/cli/commands/simulate/run-load.js';
import { LoadTally } from '../../../src/cli/commands/simulate/tally.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { runCommand } from '../../support/command.js';
import { steps } from '../../worker/ordering/support/ordered.js';

/** Accepts two of three items; every fourth of these fails, the others take 1 ms more each. */
function fakeLoad() {
  let [sent, accepted] = [0, 0];
  return {
    async send() {
      if ((sent += 1) % 3 === 0) throw new Error('not today');
      return String((accepted += 1));
    },
    ended: async (open: readonly string[]) =>
      open.map((id): EndedItem => ({
        id,
        outcome: Number(id) % 4 === 0 ? 'failed' : 'done',
        milliseconds: Number(id),
      })),
  };
}

const started: Record<string, unknown>[] = [];
const numbers = defineLoad({
  description: 'numbers',
  options: z.object({ kind: z.enum(['odd', 'even']).default('odd') }),
  start: async (options, { api }) => {
    started.push({ ...options, api });
    return fakeLoad();
  },
});
const fleet = defineFleet({ catalogue: steps, workers: [], simulations: { numbers } });

describe('flotilla simulate', function () {
  this.timeout(30_000);
  beforeEach(() => started.splice(0));

  const run = (args: string[], stop?: AbortSignal) =>
    runCommand({ modules: [simulate], fleet, env: {}, cwd: '/nowhere', ...(stop && { stop }) }, ['simulate', ...args]);

  it('lists the simulations with their options', async () => {
    expect((await run([])).out).to.match(/^SIMULATION +OPTIONS +DESCRIPTION\nnumbers +--kind +numbers\n$/);
  });

  it('prints a line at each interval, and a summary at the end', async () => {
    const flags = ['--rate', '100', '--duration', '600ms', '--interval', '200ms', '--api', 'http://shop/'];
    const { out, said, code } = await run(['numbers', ...flags, '--kind', 'even', '--json']);
    expect(code).to.equal(0);
    expect(started).to.deep.equal([{ kind: 'even', api: 'http://shop' }]);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number | boolean>);
    const summary = lines.at(-1);
    expect(lines.length).to.be.at.least(2);
    expect(summary).to.include({ summary: true, open: 0 });
    const { accepted, done, failed, refused } = summary as Record<string, number>;
    expect(accepted).to.be.within(20, 42);
    expect((done ?? 0) + (failed ?? 0)).to.equal(accepted);
    expect(refused).to.be.within(10, 21);
    expect(said).to.equal('');
  });

  it('prints the summary when it is interrupted', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    const { out, said } = await run(['numbers', '--api', 'http://shop', '--kind=even', '--rate', '50'], stop.signal);
    expect(out).to.match(/Total: .*accepted \d+ .*refused \d+/);
    expect(said).to.contain('Latest problem: not today');
  });

  for (const [what, args, message] of [
    ['an unknown simulation', ['number'], 'did you mean numbers'],
    [
      'an unknown option',
      ['numbers', '--colour', 'red'],
      'simulate numbers does not have --colour; it has the options --kind',
    ],
    ['an option without a value', ['numbers', '--kind'], '--kind needs a value'],
    ['a wrong value', ['numbers', '--kind', 'red'], '--kind: Invalid option'],
    ['no rate', ['numbers', '--rate', '0'], 'must be a number above 0'],
    ['no API on this machine', ['numbers'], 'no API of this fleet runs on this machine'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { code, said } = await run([...args]);
      expect(code).to.be.greaterThan(0);
      expect(said).to.contain(message);
      expect(started).to.deep.equal([]);
    });
  }

  it('keeps the rate after a pause of the API, without sending all of it at once', async () => {
    const sent: number[] = [];
    const began = performance.now();
    let unblock = () => {};
    const blocked = new Promise<void>((resolve) => (unblock = resolve));
    setTimeout(unblock, 1_500);
    const load = {
      async send() {
        if (sent.length >= 10) await blocked;
        return String(sent.push(performance.now() - began));
      },
      ended: async (open: readonly string[]) => open.map((id): EndedItem => ({ id, outcome: 'done', milliseconds: 1 })),
    };
    const signal = new AbortController().signal;
    await runLoad(load, { rate: 200, duration: 2_500, interval: 1_000, onInterval: () => undefined, signal });
    // 100 requests wait, and the next second may make up for at most 200 of the others
    expect(sent.length).to.be.within(250, 510);
  });
});

describe('the counts of a load', () => {
  it('have exact quantiles', () => {
    const tally = new LoadTally();
    for (let n = 1; n <= 200; n += 1) {
      tally.accepted();
      tally.ended({ id: String(n), outcome: 'done', milliseconds: n });
    }
    tally.accepted();
    tally.accepted();
    tally.ended({ id: 'x', outcome: 'failed', milliseconds: 5_000 });
    tally.refused();
    const counts = tally.counts({ seconds: 4, sending: 2 });
    expect(counts).to.include({
      accepted: 202,
      done: 200,
      failed: 1,
      open: 1,
      refused: 1,
      rate: 101,
      p50: 100,
      p99: 198,
    });
  });
});
