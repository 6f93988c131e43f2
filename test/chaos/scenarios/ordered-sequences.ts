import type { Broker } from '../../../src/broker/broker.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { sleep } from '../../../src/concurrency/sleep.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { SEQUENCE_GAP } from '../../../src/worker/ordering/sequence.js';
import { ordered } from '../fixtures/ordered.js';
import type { ChaosRun } from '../support/chaos-run.js';
import {
  correctPoisoned,
  deadLettersIn,
  despiteOutages,
  WORKER,
  withReplicas,
  type OrderedOptions,
  type OrderedResult,
} from '../support/ordered-replicas.js';
import { withStore } from '../support/rolling-fleet.js';

const SUBJECTS = 12;
const SOURCE = 'till';
/** Events after a withheld one, so that its absence is noticed. */
const FOLLOWERS = 2;

/** `late`: it is published after others of its subject. `never`: it is not published. `elsewhere`: only the stream of all events
 *  receives it, as if a binding of the worker had been missing. */
type Withheld = 'late' | 'never' | 'elsewhere';

interface Step {
  subject: string;
  count: number;
  withheld: Withheld | undefined;
  fails: number;
  poison: boolean;
}

export interface SequenceResult extends OrderedResult {
  released: number;
  replays: number;
  /** Dead letters that name missing events. */
  gaps: number;
}

/** Replicas of a worker with `ordering: 'sequence'` are killed, and some events arrive late, never, or by a replay of history. A dead
 *  letter names what is missing. An operator releases subjects whose missing events never arrive. */
export async function keepSequence(options: OrderedOptions): Promise<SequenceResult> {
  const steps: Step[] = [];
  const counts = { released: 0, replays: 0 };
  let gaps = 0;
  const found = await withReplicas(options, {
    fleet: 'test/chaos/fixtures/sequenced.ts',
    publish: (run, broker, signal) => publish(run, broker, { steps, events: options.events, signal }),
    expected: () => expectedOf(steps),
    async operate(run, result) {
      await correctPoisoned(run, result);
      for (const gap of gapsIn(run)) await fill(run, gap, steps, counts);
      gaps = checkGaps(run, steps);
    },
  });
  options.say?.(`${gaps} gaps, ${counts.released} subjects released, ${counts.replays} replays of history`);
  return { ...found, ...counts, gaps };
}

/** The events that are handled, in order. */
function expectedOf(steps: readonly Step[]): Map<string, number[]> {
  const expected = new Map<string, number[]>();
  for (const { subject, count, withheld } of steps) {
    const counts = expected.get(subject) ?? [];
    if (withheld !== 'never') counts.push(count);
    expected.set(subject, counts);
  }
  return expected;
}

async function publish(
  run: ChaosRun,
  broker: Broker,
  { steps, events, signal }: { steps: Step[]; events: number; signal: AbortSignal },
): Promise<void> {
  const { random } = run;
  const publisher = broker.createPublisher();
  const last = new Map<string, number>();
  const take = async (subject: string, withheld?: Withheld) => {
    const count = (last.get(subject) ?? 0) + 1;
    last.set(subject, count);
    const fails = random.chance(0.2) ? random.between(1, 2) : 0;
    const step = { subject, count, withheld, fails, poison: withheld === undefined && random.chance(0.01) };
    const send = () => despiteOutages(() => publisher.publish(messageOf(run, step)), broker);
    if (withheld !== 'never' && withheld !== 'late') await send();
    steps.push(step);
    return send;
  };
  const kinds = ['late', 'never', 'elsewhere'] as const;
  const late: (() => Promise<void>)[] = [];
  for (let n = 0; n < events || !signal.aborted; n += 1) {
    const subject = `walk/${random.between(1, SUBJECTS)}`;
    // the first of each kind is certain
    const withheld = n < 3 * kinds.length ? kinds[n / 3] : random.chance(0.03) ? random.pick(kinds) : undefined;
    const send = await take(subject, withheld);
    if (withheld === 'late') late.push(send);
    if (withheld !== undefined) for (let each = 0; each < FOLLOWERS; each += 1) await take(subject);
    if (random.chance(0.1)) await late.shift()?.();
    if (n >= events) await sleep(random.between(5, 25), AbortSignal.timeout(60_000));
    else if (random.chance(0.1)) await sleep(random.between(1, 60), AbortSignal.timeout(60_000));
  }
  for (const send of late) await send();
}

function messageOf({ fleet }: ChaosRun, { subject, count, withheld, fails, poison }: Step) {
  const type = 'step.taken';
  const created = createEvent(
    ordered.definitions,
    type,
    { count, fails, poison },
    originContext({ source: SOURCE, subject }),
  );
  const event = { ...created, sequence: String(count) };
  const { names } = fleet;
  const { correlationid: correlationId, time } = event;
  return {
    ...(withheld === 'elsewhere'
      ? { exchange: '', routingKey: names.log }
      : { exchange: names.events, routingKey: type }),
    body: Buffer.from(JSON.stringify(event)),
    properties: eventProperties({ ...event, correlationId, time: Date.parse(time) }),
    mandatory: true,
  };
}

/** A subject that is held because events are missing. */
interface Gap {
  subject: string;
  missing: number[];
}

function gapsIn({ fleet }: ChaosRun): Gap[] {
  return withStore(fleet.dataDir, WORKER, (store) => {
    const held = store.prepare<[string], { key: string; place: number }>(
      'select key, place from flotilla_held where code = ?',
    );
    const passed = store.prepare<[string], number>('select number from flotilla_passed where key = ?').pluck();
    const parked = store.prepare<[string], { place: number; sequence: number }>(
      'select place, sequence from flotilla_parked where key = ?',
    );
    return held.all(SEQUENCE_GAP).map(({ key, place }) => {
      const rows = parked.all(key);
      const from = (passed.get(key) ?? 0) + 1;
      const to = rows.find((row) => row.place === place)?.sequence ?? from;
      const numbers = Array.from({ length: to - from }, (_, index) => from + index);
      return {
        subject: key.slice(key.indexOf('\n') + 1),
        missing: numbers.filter((number) => !rows.some(({ sequence }) => sequence === number)),
      };
    });
  });
}

/** Does what an operator does about a gap; nothing if the missing events still arrive. */
async function fill(
  { fleet }: ChaosRun,
  { subject, missing }: Gap,
  steps: readonly Step[],
  counts: { released: number; replays: number },
): Promise<void> {
  const kinds = missing.map(
    (count) => steps.find((step) => step.subject === subject && step.count === count)?.withheld,
  );
  if (kinds.includes('elsewhere')) {
    await despiteOutages(() => fleet.command('replay', '--to', WORKER, '--subject', subject, '--from', 'log'));
    counts.replays += 1;
  } else if (kinds.length > 0 && kinds.every((kind) => kind === 'never')) {
    await despiteOutages(() => fleet.command('subject', 'release', WORKER, subject));
    counts.released += 1;
  }
}

/** Throws if a dead letter names an event that was not withheld. Returns the number of those that name missing events. */
function checkGaps(run: ChaosRun, steps: readonly Step[]): number {
  const letters = deadLettersIn(run, 'any').filter(({ code }) => code === SEQUENCE_GAP);
  for (const { subject, message } of letters) {
    const first = Number(/ arrived without (\d+)/.exec(message)?.[1]);
    const step = steps.find((each) => each.subject === subject && each.count === first);
    if (step?.withheld === undefined) throw new Error(`no gap: ${message}`);
  }
  return letters.length;
}
