import { expect } from 'chai';
import { baseCatalogue, catalogue, event, PermanentError } from 'flotilla';
import { simulation, type Run, type World } from 'flotilla/simulation';
import { z } from 'zod';
import { PARTITION_COUNTS, type PartitionCount } from '../../../src/broker/messages/slot-headers.js';
import { hasCode } from '../../../src/errors.js';
import { createEvent } from '../../../src/events/create.js';
import { holdsOf } from '../../../src/worker/ordering/parked-table.js';
import { releaseSubject } from '../../../src/worker/ordering/operate.js';
import { readPartitions } from '../../../src/worker/ordering/partitions/partition-table.js';
import { SEQUENCE_GAP } from '../../../src/worker/ordering/sequence.js';

const walks = catalogue(baseCatalogue, {
  'step.taken': event({ 1: z.strictObject({ fails: z.int(), isPoisoned: z.boolean() }) }),
  'step.withheld': event({ 1: z.strictObject({}) }),
});

/** `moved`: by subject, while the number of partitions changes. */
type By = 'none' | 'subject' | 'pipelined' | 'moved' | 'sequence' | 'total';

/** Without an order, a dead letter holds nothing: it is lost. */
const RARE_KINDS = {
  none: ['taken'],
  subject: ['poisoned'],
  pipelined: ['poisoned'],
  moved: ['poisoned'],
  total: ['poisoned'],
  sequence: ['poisoned', 'withheld'],
} as const satisfies Record<By, readonly Step['kind'][]>;

/** A change of the number of partitions, whose command may be killed. */
interface Move {
  kind: 'moved';
  to: PartitionCount;
  /** Milliseconds from its start; 0: it is not. */
  killedAfter: number;
  /** Milliseconds from the start. */
  at: number;
}

/** An event of a subject. `withheld`: the worker never receives it. */
interface Step {
  kind: 'taken' | 'poisoned' | 'withheld';
  service: 'gates' | 'tills';
  subject: number;
  /** How many attempts fail. */
  fails: number;
  /** Milliseconds from the start. */
  at: number;
}

interface Walked extends World {
  /** Whether poisoned events can be handled. */
  isMended: boolean;
  /** What was handled before the operator acted. */
  before: string[];
}

/** Records what it handles, in the order of the commits. */
function recorder(by: By) {
  return walks.defineWorker({
    name: 'recorder',
    ordering:
      by === 'none'
        ? by
        : {
            by: by === 'pipelined' || by === 'moved' ? 'subject' : by,
            pipelined: by === 'pipelined',
            whenExhausted: 'hold',
            ...(by !== 'total' && { partitions: 4 }),
            ...(by === 'sequence' && { gapTimeout: '10m' }),
          },
    prefetch: 4,
    // more than the failures of an event and of its calls
    retry: { delays: ['200ms', '1s', '5s', ...Array.from({ length: 6 }, () => '20s')] },
    setup: () => ({ act: async (): Promise<void> => undefined, isMended: () => false }),
    migrations: [{ name: '1', sql: 'create table steps (place integer primary key, step text not null)' }],
    on: {
      'step.taken': async ({ source, subject, sequence, data: { fails, isPoisoned } }, ctx) => {
        const act = () => {
          if (isPoisoned && !ctx.use.isMended()) throw new PermanentError('step.poisoned', 'it is');
          if (ctx.attempt <= fails) throw new Error(`attempt ${ctx.attempt} fails`);
        };
        if (by !== 'pipelined') {
          await ctx.call('tool', () => ctx.use.act());
          act();
        }
        ctx.write(async ({ sql }) => {
          act();
          await sql`insert into steps (step) values (${`${source} ${subject} ${sequence}`})`;
        });
      },
    },
  });
}

/** Events of few subjects of two services, some of which fail, are poisoned or withheld, and two replicas. Each event is handled
 *  once, those of a subject in their order, and a held subject does not affect others. */
export function orderedSimulation(by: By) {
  return simulation<Walked, (Step | Move)[]>({
    workers: [recorder(by)],
    replicas: { recorder: 2 },
    inputs: (fc) => {
      const step = fc.record({
        kind: fc.oneof(
          { weight: 6, arbitrary: fc.constant<Step['kind']>('taken') },
          { weight: 1, arbitrary: fc.constantFrom<Step['kind']>(...RARE_KINDS[by]) },
        ),
        service: fc.constantFrom('gates' as const, 'tills' as const),
        subject: fc.nat(2),
        fails: fc.constantFrom(0, 0, 0, 1, 2),
        at: fc.nat(2_000),
      });
      const move = fc.record({
        kind: fc.constant('moved' as const),
        to: fc.constantFrom(...PARTITION_COUNTS),
        killedAfter: fc.oneof(fc.constant(0), fc.nat(2_500)),
        at: fc.nat(2_000),
      });
      const either = by === 'moved' ? fc.oneof({ weight: 6, arbitrary: step }, { weight: 1, arbitrary: move }) : step;
      return fc.array<Step | Move>(either, { minLength: 1, maxLength: 16 });
    },
    setup(run) {
      const world: Walked = { isMended: false, before: [] };
      const act = run.externalCall('tool', () => undefined);
      return Object.assign(world, { use: { recorder: { act, isMended: () => world.isMended } } });
    },
    scenario(run, world, steps) {
      for (const step of steps) run.at(step.at, () => (step.kind === 'moved' ? move(run, step) : take(run, step)));
      run.at('30m', () => completeMove(run));
      run.at('1h', async () => {
        world.before = await handled(run);
        world.isMended = true;
      });
      // a subject may be held again, by another gap
      for (let hour = 1; hour <= steps.length; hour += 1) run.at(`${hour * 60 + 1}m`, () => releaseAll(run));
    },
    check: (run, world) => isInOrder(run, world, by),
  });
}

async function take(run: Run, { kind, service, subject, fails }: Step): Promise<void> {
  const name = `walk/${subject}`;
  const context = run.context({ source: service, subject: name });
  const created =
    kind === 'withheld'
      ? createEvent(walks.definitions, 'step.withheld', {}, context)
      : createEvent(walks.definitions, 'step.taken', { fails, isPoisoned: kind === 'poisoned' }, context);
  await run.store(service).append(name, 'any', [created]);
}

async function move(run: Run, { to, killedAfter }: Pick<Move, 'to' | 'killedAfter'>): Promise<void> {
  try {
    await run.changePartitions('recorder', to, killedAfter === 0 ? {} : { killedAfter });
  } catch (error) {
    if (!hasCode(error, 'partitions.moving') && !hasCode(error, 'partitions.busy')) throw error;
  }
}

async function completeMove(run: Run): Promise<void> {
  const { moving } = (await readPartitions(run.store('recorder').query, 'recorder')) ?? {};
  if (moving !== undefined) await run.changePartitions('recorder', moving.to as PartitionCount);
}

async function releaseAll(run: Run): Promise<void> {
  const store = run.store('recorder');
  for (const { key } of await holdsOf(store.query, 'recorder', 100))
    await releaseSubject(store, 'recorder', key, run.now());
}

async function handled(run: Run): Promise<string[]> {
  const rows = await run.store('recorder').query<{ step: string }>`select step from steps order by place`;
  return rows.map(({ step }) => step);
}

/** The events of a source and subject, by number. */
interface Sent {
  source: string;
  subject: string;
  received: number[];
  /** Those that the worker never receives. */
  withheld: number[];
  isPoisoned: boolean;
}

async function sentBy(run: Run): Promise<Sent[]> {
  const sent = new Map<string, Sent>();
  for (const source of ['gates', 'tills'])
    for (const { stream: subject, version, type, event: stored } of await run.store(source).readAll(0)) {
      const key = `${source} ${subject}`;
      const numbers = sent.get(key) ?? { source, subject, received: [], withheld: [], isPoisoned: false };
      sent.set(key, numbers);
      if (type === 'step.withheld') numbers.withheld.push(version);
      else numbers.received.push(version);
      numbers.isPoisoned ||= JSON.stringify(stored.data).includes('"isPoisoned":true');
    }
  return [...sent.values()];
}

/** The numbers of the handled events, in the order of handling. */
function numbersOf({ source, subject }: Sent, steps: readonly string[]): number[] {
  const start = `${source} ${subject} `;
  return steps.filter((step) => step.startsWith(start)).map((step) => Number(step.slice(start.length)));
}

async function isInOrder(run: Run, { before }: Walked, by: By): Promise<void> {
  const steps = await handled(run);
  const all = await sentBy(run);
  for (const sent of all) {
    const { source, subject, received, withheld } = sent;
    expect(numbersOf(sent, steps), `${source} ${subject}`).to.deep.equal(received);
    const gap = withheld.find((number) => received.some((each) => each > number));
    if (gap !== undefined) isHeldBy(run, sent, numbersOf(sent, before), gap);
    const isAlone =
      by === 'sequence' ||
      ((by === 'subject' || by === 'pipelined' || by === 'moved') &&
        !all.some((each) => each.subject === subject && each.isPoisoned));
    if (gap === undefined && !sent.isPoisoned && isAlone)
      expect(numbersOf(sent, before), `${source} ${subject}, before the operator acts`).to.deep.equal(received);
  }
}

/** Nothing behind a missing event was handled, and a dead letter names it. */
function isHeldBy(run: Run, { source, subject }: Sent, before: readonly number[], gap: number): void {
  expect(before.at(-1) ?? 0, `${source} ${subject}, without ${gap}`).to.be.below(gap);
  const letters = run.deadLetters.filter((each) => each.source === source && each.subject === subject);
  expect(
    letters
      .filter(({ code }) => code === SEQUENCE_GAP)
      .map(({ message }) => message)
      .join(),
  ).to.match(new RegExp(`arrived without ${gap}\\b`));
}
