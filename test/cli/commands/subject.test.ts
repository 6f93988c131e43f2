import { expect } from 'chai';
import * as subject from '../../../src/cli/commands/subject/index.js';
import * as status from '../../../src/cli/commands/status/index.js';
import { PermanentError } from '../../../src/errors.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { runCommand } from '../../support/command.js';
import { eventually } from '../../support/eventually.js';
import { openSteppers, operatorEnv, stepper, steps, type Steppers } from '../../worker/ordering/support/ordered.js';

const plain = steps.defineWorker({ name: 'plain', on: { 'step.taken': () => undefined } });
const fleet = defineFleet({ catalogue: steps, workers: [stepper(), plain] });
const numbered = stepper({ ordering: { by: 'sequence', partitions: 4, gapTimeout: '200ms' } });
const numberedFleet = defineFleet({ catalogue: steps, workers: [numbered] });

describe('flotilla subject', function () {
  this.timeout(60_000);
  let steppers: Steppers;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    steppers = await openSteppers('rabbitmq');
    env = await operatorEnv(steppers);
  });
  afterEach(() => steppers.close());

  const runNumbered = (...args: string[]) =>
    runCommand({ modules: [subject], fleet: numberedFleet, env, cwd: steppers.folder }, args);
  const run = (...args: string[]) => runCommand({ modules: [subject, status], fleet, env, cwd: steppers.folder }, args);

  it('shows what waits behind a dead letter, and continues without it', async () => {
    const ordering = { by: 'subject', partitions: 4, whenExhausted: 'hold' } as const;
    const handle = ({ n }: { n: number }) => {
      if (n === 1) throw new PermanentError('step.wrong', 'never');
    };
    await steppers.start(stepper({ ordering, handle }));
    const first = await steppers.publish('a', 1);
    await steppers.publish('a', 2);
    const waiting = async () => (await run('subject', 'list')).out;
    await eventually('two wait', async () =>
      /stepper +a +2 +step\.taken .*an operator \(step\.wrong\)/.test(await waiting()),
    );
    const shown = await run('subject', 'show', 'stepper', 'a');
    expect(shown.out).to.match(new RegExp(`step\\.taken +${first.id}`));
    expect(shown.out.trim().split('\n')).to.have.length(3);
    const skipped = await run('subject', 'skip', 'stepper', 'a');
    expect(skipped.out).to.equal(`a continues without step.taken ${first.id}. Its dead letter is kept.\n`);
    await eventually('the other one is handled', async () => (await steppers.steps()).join() === 'a 2');
    await eventually('nothing waits', async () => (await run('subject', 'list')).said.includes('No subject waits'));
  });

  it('holds and releases a subject', async () => {
    await steppers.start(stepper());
    expect((await run('subject', 'hold', 'stepper', 'a')).out).to.equal('a is held.\n');
    expect((await run('subject', 'hold', 'stepper', 'a')).out).to.equal('a was held already.\n');
    await steppers.publish('a', 1);
    await steppers.publish('b', 1);
    await eventually('b is handled', async () => (await steppers.steps()).join() === 'b 1');
    const listed = JSON.parse((await run('subject', 'list', '--json')).out) as { items: { subject: string }[] };
    expect(listed.items.map((item) => item.subject)).to.deep.equal(['a']);
    expect((await run('subject', 'release', 'stepper', 'a')).out).to.equal('a is released.\n');
    await eventually('a is handled', async () => (await steppers.steps()).length === 2);
  });

  it('shows which numbers are missing, and continues without them', async () => {
    await steppers.start(numbered);
    for (const n of [1, 4, 7]) await steppers.publish('a', n);
    const waiting = async () => (await runNumbered('subject', 'list')).out;
    await eventually('it is held', async () =>
      /a from test +2 .*events 2 to 3, or an operator \(worker\.sequence_gap\)/.test(await waiting()),
    );
    const shown = await runNumbered('subject', 'show', 'stepper', 'a');
    expect(shown.said).to.contain('Missing: 2 to 3, 5 to 6.');
    expect(shown.out).to.match(/^NUMBER .*\n4 .*\n7 /);
    await steppers.publish('a', 9, (message) => ({
      ...message,
      body: Buffer.from(Buffer.from(message.body).toString().replace('"source":"test"', '"source":"other"')),
    }));
    await eventually('both sources wait', async () => (await waiting()).includes('a from other'));
    const ambiguous = await runNumbered('subject', 'release', 'stepper', 'a');
    expect(ambiguous.code).to.equal(1);
    expect(ambiguous.said).to.match(/subject\.no_source.*--source/s);
    const released = await runNumbered('subject', 'release', 'stepper', 'a', '--source', 'test');
    expect(released.out).to.equal('a is released.\n');
    await eventually('the fourth one is handled', async () => (await steppers.steps()).length === 2);
    const unknown = await runNumbered('subject', 'hold', 'stepper', 'b');
    expect(unknown.said).to.contain('subject.no_source');
  });

  it('refuses workers that are not ordered, and subjects that are not held', async () => {
    const unordered = await run('subject', 'hold', 'plain', 'a');
    expect(unordered.code).to.equal(1);
    expect(unordered.said).to.contain('worker.not_ordered');
    const free = await run('subject', 'release', 'stepper', 'a');
    expect(free.code).to.equal(1);
    expect(free.said).to.contain('subject.not_held');
  });
});
