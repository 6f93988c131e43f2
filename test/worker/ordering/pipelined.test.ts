import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { eventually } from '../../support/eventually.js';
import { openSteppers, stepper, type Step, type StepperOptions, type Steppers } from './support/ordered.js';

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

for (const kind of ['memory', 'rabbitmq']) {
  describe(`a pipelined worker, on ${kind}`, function () {
    this.timeout(60_000);
    let steppers: Steppers;
    beforeEach(async () => {
      steppers = await openSteppers(kind);
    });
    afterEach(() => steppers.close());

    /** Handles events 1 to `count` of one subject; all of them have arrived when the first is handled. Resolves with the
     *  worker when `handled` events have taken effect. */
    async function handleTogether(count: number, options: StepperOptions, handled = count) {
      let begin = () => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const handle = async (step: Step) => {
        if (step.n === 1) await begun;
        await options.handle?.(step);
      };
      const worker = await steppers.start(
        stepper({ ordering: { by: 'subject', partitions: 4, pipelined: true }, ...options, handle }),
      );
      for (const n of upTo(count)) await steppers.publish('a', n);
      await eventually('all have arrived', () => worker.state().inFlight === count);
      const { commits } = worker.store.health();
      begin();
      await eventually(`${handled} are handled`, async () => (await numbers()).length >= handled);
      return { ...worker, commits: worker.store.health().commits - commits };
    }

    const numbers = async () => (await steppers.steps()).map((note) => Number(note.slice(2)));

    it('commits the effects of many events of a subject together, in their order', async () => {
      const { commits } = await handleTogether(20, {});
      expect(await numbers()).to.deep.equal(upTo(20));
      expect(commits).to.be.below(10);
    });

    it('handles the later events again if the effects of one are rolled back', async () => {
      const attempts = new Map<number, number>();
      const handle = ({ n }: Step) => void attempts.set(n, (attempts.get(n) ?? 0) + 1);
      const write = ({ n, attempt }: Step) => {
        if (n === 4 && attempt === 1) throw new Error('not now');
      };
      await handleTogether(8, { handle, write, delays: ['100ms'] });
      expect(await numbers()).to.deep.equal(upTo(8));
      expect([3, 4, 5, 8].map((n) => attempts.get(n))).to.deep.equal([1, 2, 2, 2]);
    });

    it('neither retries nor dead-letters an event before the effects of the one before are committed', async () => {
      const handledBefore: number[][] = [];
      steppers.collectDead(async () => void handledBefore.push(await numbers()));
      const handle = ({ n, attempt }: Step) => {
        if (n === 3) throw new PermanentError('step.wrong', 'never');
        if (n === 4 && attempt === 1) throw new Error('not now');
      };
      const write = ({ n, attempt }: Step) => {
        if (n === 2 && attempt <= 2) throw new Error('not now');
      };
      await handleTogether(6, { handle, write, delays: ['50ms', '50ms'] }, 5);
      expect(await numbers()).to.deep.equal([1, 2, 4, 5, 6]);
      await eventually('the third is a dead letter', () => handledBefore.length === 1);
      expect(handledBefore[0]).to.include.members([1, 2]);
    });

    it('lets a handler query what the one before has written', async () => {
      const found: unknown[] = [];
      const handle = async ({ query, n }: Step) => {
        const [row] = await query<{ count: number }>`SELECT count(*) AS count FROM steps`;
        found.push([n, row?.count]);
      };
      await handleTogether(5, { handle });
      expect(found).to.deep.equal(upTo(5).map((n) => [n, n - 1]));
    });

    it('calls nothing before the effects of the event before are committed', async () => {
      const called: number[] = [];
      const handle = ({ call, n }: Step) => call('tool', () => Promise.resolve(void called.push(n)));
      const write = ({ n, attempt }: Step) => {
        if (n === 2 && attempt === 1) throw new Error('not now');
      };
      await handleTogether(4, { handle, write });
      expect(called).to.deep.equal([1, 2, 2, 3, 4]);
      expect(await numbers()).to.deep.equal(upTo(4));
    });
  });
}
