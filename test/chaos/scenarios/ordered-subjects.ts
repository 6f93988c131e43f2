import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { createPublisher } from '../../../src/client/publisher.js';
import { sleep } from '../../../src/concurrency/sleep.js';
import { FlotillaError } from '../../../src/errors.js';
import type { Failpoint } from '../../../src/failpoints.js';
import { newId } from '../../../src/events/ids.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { eventually } from '../../support/eventually.js';
import { ordered } from '../fixtures/ordered.js';
import { withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import { handledBy, withStore, type Place } from '../support/rolling-fleet.js';

export interface OrderedOptions extends RunOptions {
  events: number;
  /** How often a replica is killed and started again. */
  kills: number;
  /** How many partitions are moved: old ones that are emptied while their number changes. @default 0 */
  moves?: number;
  /** Kills the broker and starts it again, between two changes of the number of partitions. */
  killBroker?: () => Promise<void>;
}

/** What has happened. */
export interface OrderedResult {
  kills: number;
  corrected: number;
  /** The most messages that were parked. */
  parked: number;
  /** Partitions that were moved, and how often the command that does it was killed. */
  moved: number;
  moverKills: number;
  brokerKills: number;
}

const REPLICAS = ['stepper-1', 'stepper-2', 'stepper-3'] as const;
const COUNTS = ['4', '8', '16', '32'] as const;
type Count = (typeof COUNTS)[number];
const OTHERS = {
  4: ['8', '16', '32'],
  8: ['4', '16', '32'],
  16: ['4', '8', '32'],
  32: ['4', '8', '16'],
} as const satisfies Record<Count, [Count, ...Count[]]>;
const ROLES = {
  keeper: ['keeper'],
  ...Object.fromEntries(REPLICAS.map((role) => [role, ['worker', 'stepper']])),
  ...Object.fromEntries(COUNTS.map((to) => [`to-${to}`, ['order', 'partitions', 'set', 'stepper', '--count', to]])),
};
const SUBJECTS = 24;
/** Where a replica is killed, if not at a random time. */
const POINTS = [
  'worker.handled',
  'worker.committed',
  'worker.dead_confirmed',
  'worker.parked',
  'worker.parked_retry',
  'worker.held',
  'worker.unparked',
] as const satisfies readonly Failpoint[];
/** Where the command that changes the number of partitions is killed. */
const MOVER_POINTS = [
  'partitions.begun',
  'partitions.declared',
  'partitions.bound',
  'partitions.unbound',
  'partitions.marked',
  'partitions.completed',
  'partitions.deleting',
] as const satisfies readonly Failpoint[];
/** RabbitMQ 3.10 that is killed just after it has created a quorum queue may find no leader for it later. */
const NEW_QUEUE_MS = 3_000;
/** A killed process holds its lease for some seconds. */
const SETTLED = { limit: 180_000, every: 300 };

interface DeadLetter {
  id: string;
  state: string;
  subject: string;
}

/** Three replicas of an ordered worker are killed and started again, at random times and at each step, while events are
 *  published. A fifth of the events fails once or twice; some always fail, until an operator corrects and replays their dead
 *  letters. With `moves`, the number of partitions changes meanwhile. Each event is handled once, and those of each subject in
 *  their order. Resolves with what happened. */
export async function keepOrder(options: OrderedOptions): Promise<OrderedResult> {
  const found: OrderedResult = { kills: 0, corrected: 0, parked: 0, moved: 0, moverKills: 0, brokerKills: 0 };
  const env = { FLEET_KEY: '', FLOTILLA_FLEET: 'test/chaos/fixtures/ordered.ts', ...options.env };
  await withFleet({ ...options, roles: ROLES, env }, async (run) => {
    await run.fleet.start(['keeper', ...REPLICAS]);
    const published = new Map<string, number>();
    const done = new AbortController();
    const watching = watch(run, found, done.signal);
    try {
      const isLoaded = new AbortController();
      const disturbing = Promise.all([
        killReplicas(run, options.kills, found),
        ...((options.moves ?? 0) > 0 ? [changePartitions(run, options, found)] : []),
      ]).finally(() => isLoaded.abort());
      await Promise.all([publish(run, options.events, published, isLoaded.signal), disturbing]);
      await eventually('every event is handled', () => missing(run, published).length === 0, SETTLED).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}\n- ${missing(run, published).slice(0, 20).join('\n- ')}`);
        },
      );
    } finally {
      done.abort();
      await watching;
    }
    check(run, published);
    await eventually('nothing is parked', () => parkedIn(run) === 0, SETTLED);
    const total = [...published.values()].reduce((sum, count) => sum + count, 0);
    options.say?.(`${total} events in order, ${found.kills} kills, ${found.corrected} dead letters corrected`);
    if (found.moved > 0)
      options.say?.(
        `${found.moved} partitions moved, ${found.moverKills} kills of the command, ${found.brokerKills} of the broker`,
      );
  });
  return found;
}

/** Repeats what fails because the broker was killed. */
async function despiteOutages(work: () => Promise<unknown>): Promise<void> {
  const limit = AbortSignal.timeout(120_000);
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      const isOutage =
        error instanceof FlotillaError ? error.code.startsWith('broker.') : /broker\./.test(String(error));
      if (!isOutage || limit.aborted) throw error;
      await sleep(300, limit);
    }
  }
}

/** Publishes the events of each subject in order: at least `events`, and until the signal aborts. */
async function publish(
  { fleet, random }: ChaosRun,
  events: number,
  published: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const { amqpUrl: url, prefix } = fleet.options;
  const broker = createRabbitBroker({ url, connectionName: prefix, logger: silentLogger() });
  try {
    await broker.ready();
    const publisher = createPublisher({ broker, source: 'till', prefix, catalogue: ordered });
    for (let n = 0; n < events || !signal.aborted; n += 1) {
      const subject = `walk/${random.between(1, SUBJECTS)}`;
      const count = (published.get(subject) ?? 0) + 1;
      const fails = random.chance(0.2) ? random.between(1, 2) : 0;
      const data = { count, fails, poison: random.chance(0.01) };
      const id = newId();
      await despiteOutages(() => publisher.publish('step.taken', data, { subject, id }));
      published.set(subject, count);
      if (n >= events) await sleep(random.between(5, 25), AbortSignal.timeout(60_000));
      else if (random.chance(0.1)) await sleep(random.between(1, 60), AbortSignal.timeout(60_000));
    }
  } finally {
    await broker.close();
  }
}

/** Kills replicas at random times, or at the steps of `POINTS`, and starts them again; the last ones without such a step. */
async function killReplicas({ fleet, random }: ChaosRun, kills: number, found: OrderedResult): Promise<void> {
  const points = [...POINTS, 'partitions.passed'] as const;
  for (let kill = 0; kill < kills; kill += 1) {
    const role = random.pick(REPLICAS);
    await fleet.process(role).kill();
    found.kills += 1;
    const point = random.chance(0.7) ? `${random.pick(points)}:${random.between(1, 8)}` : '';
    fleet.launch([role], { FLOTILLA_FAILPOINT: point });
    await sleep(random.between(200, 2_500), AbortSignal.timeout(60_000));
    for (const down of REPLICAS.filter((each) => fleet.down.includes(each))) {
      found.kills += 1;
      fleet.launch([down]);
    }
  }
  if (kills === 0) return;
  for (const role of REPLICAS) {
    await fleet.process(role).kill();
    await fleet.start([role]);
  }
}

/** Changes the number of partitions until enough are moved. The command is killed at each of its steps in turn, and run again. */
async function changePartitions(
  { fleet, random }: ChaosRun,
  { moves = 0, killBroker, say }: OrderedOptions,
  found: OrderedResult,
): Promise<void> {
  let size: Count = '8';
  for (let change = 0; found.moved < moves; change += 1) {
    const from: Count = size;
    size = random.pick(OTHERS[from]);
    const role = `to-${size}`;
    const point = `${MOVER_POINTS[change % MOVER_POINTS.length] ?? ''}:1`;
    const ends: string[] = [];
    for (const failpoint of [point, ...Array.from({ length: 10 }, () => '')]) {
      const [mover] = fleet.launch([role], { FLOTILLA_FAILPOINT: failpoint });
      ends.push((await mover?.exit()) ?? '');
      if (ends.at(-1) === 'SIGKILL') found.moverKills += 1;
      if (failpoint === point && killBroker !== undefined && change % 4 === 0) {
        await sleep(NEW_QUEUE_MS, AbortSignal.timeout(60_000));
        await killBroker();
        found.brokerKills += 1;
      }
      if (ends.at(-1) === '0') break;
    }
    if (ends.at(-1) !== '0')
      throw new Error(`from ${from} to ${size} partitions: ${fleet.process(role).said.slice(-2000)}`);
    found.moved += Number(from);
    say?.(`from ${from} to ${size} partitions, the command ended with ${ends.join(', ')}`);
  }
}

/** Corrects and replays dead letters until the signal aborts. */
async function watch(run: ChaosRun, found: OrderedResult, signal: AbortSignal): Promise<void> {
  const { fleet } = run;
  while (!signal.aborted) {
    found.parked = Math.max(found.parked, parkedIn(run));
    const { items } = JSON.parse(await fleet.command('dead', 'list', '--json')) as { items: DeadLetter[] };
    for (const { id } of items.filter(({ state }) => state === 'dead')) {
      await despiteOutages(() => fleet.command('dead', 'edit', id, '--set', 'data.poison=false'));
      found.corrected += 1;
    }
    await sleep(1_500, signal);
  }
}

/** The published events that were not handled. */
function missing({ fleet }: ChaosRun, published: ReadonlyMap<string, number>): string[] {
  const handled = new Set(handledBy(fleet.dataDir, 'stepper').map(({ subject, count }) => `${subject} ${count}`));
  return [...published].flatMap(([subject, last]) =>
    Array.from({ length: last }, (_, index) => `${subject} ${index + 1}`).filter((event) => !handled.has(event)),
  );
}

/** Throws unless each event was handled once, and those of each subject in their order. */
function check({ fleet }: ChaosRun, published: ReadonlyMap<string, number>): void {
  const wrong: string[] = [];
  const next = new Map<string, number>();
  const handled: Place[] = handledBy(fleet.dataDir, 'stepper');
  for (const { subject, count } of handled) {
    const expected = next.get(subject) ?? 1;
    if (count !== expected) wrong.push(`${subject}: ${count} in place of ${expected}`);
    next.set(subject, count + 1);
  }
  const total = [...published.values()].reduce((sum, count) => sum + count, 0);
  if (handled.length !== total) wrong.push(`${handled.length} handled, ${total} published`);
  if (wrong.length > 0) throw new Error(`- ${wrong.slice(0, 40).join('\n- ')}`);
}

function parkedIn({ fleet }: ChaosRun): number {
  return withStore(fleet.dataDir, 'stepper', (store) =>
    Number(store.prepare('select count(*) from flotilla_parked').pluck().get()),
  );
}
