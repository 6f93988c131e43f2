import { join } from 'node:path';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import type { Broker } from '../../../src/broker/broker.js';
import { sleep } from '../../../src/concurrency/sleep.js';
import { Wakeup } from '../../../src/concurrency/wakeup.js';
import { FlotillaError } from '../../../src/errors.js';
import type { Failpoint } from '../../../src/failpoints.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { parkingTopic } from '../../../src/worker/ordering/parking.js';
import { eventually } from '../../support/eventually.js';
import { withFleet, type ChaosRun, type RunOptions } from './chaos-run.js';
import { handledBy, withStore } from './rolling-fleet.js';

export const WORKER = 'stepper';
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
  ...Object.fromEntries(REPLICAS.map((role) => [role, ['worker', WORKER]])),
  ...Object.fromEntries(COUNTS.map((to) => [`to-${to}`, ['order', 'partitions', 'set', WORKER, '--count', to]])),
};
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
/** An operator looks at least this often, without a new dead letter or a change of what is parked. */
const LOOK_INTERVAL_MS = 5_000;

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

/** What is published, and what an operator does meanwhile. */
export interface OrderedPlan {
  /** The module of the fleet. */
  fleet: string;
  /** Publishes at least the number of events of the options, and until the signal aborts. */
  publish: (run: ChaosRun, broker: Broker, signal: AbortSignal) => Promise<void>;
  /** Corrects what cannot be handled. Called after each new dead letter and each change of what is parked. */
  operate: (run: ChaosRun, found: OrderedResult) => Promise<void>;
  /** The events of each subject that must be handled, in order, by their count. */
  expected: () => ReadonlyMap<string, readonly number[]>;
}

/** Three replicas of an ordered worker are killed and started again, at random times and at each step, while events are published.
 *  With `moves`, the number of partitions changes meanwhile. Each expected event is handled once, and those of each subject in
 *  their order. Resolves with what happened. */
export async function withReplicas(options: OrderedOptions, plan: OrderedPlan): Promise<OrderedResult> {
  const found: OrderedResult = { kills: 0, corrected: 0, parked: 0, moved: 0, moverKills: 0, brokerKills: 0 };
  const env = { FLEET_KEY: '', FLOTILLA_FLEET: plan.fleet, ...options.env };
  await withFleet({ ...options, roles: ROLES, env }, async (run) => {
    await run.fleet.start(['keeper', ...REPLICAS]);
    const done = new AbortController();
    const operating = operate(run, plan, found, done.signal);
    operating.catch(() => undefined); // awaited below
    try {
      const isLoaded = new AbortController();
      const disturbing = Promise.all([
        killReplicas(run, options.kills, found),
        ...((options.moves ?? 0) > 0 ? [changePartitions(run, options, found)] : []),
      ]).finally(() => isLoaded.abort());
      await Promise.all([publish(run, plan, isLoaded.signal), disturbing]);
      const handled = () => missing(run, plan).length === 0;
      await Promise.race([eventually('every event is handled', handled, SETTLED), operating]).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}\n- ${missing(run, plan).slice(0, 20).join('\n- ')}`);
        },
      );
    } finally {
      done.abort();
      await operating;
    }
    check(run, plan);
    await eventually('nothing is parked', () => parkedIn(run) === 0, SETTLED);
    options.say?.(`${total(plan)} events in order, ${found.kills} kills, ${found.corrected} dead letters corrected`);
    if (found.moved > 0)
      options.say?.(
        `${found.moved} partitions moved, ${found.moverKills} kills of the command, ${found.brokerKills} of the broker`,
      );
  });
  return found;
}

async function publish({ fleet, ...run }: ChaosRun, plan: OrderedPlan, signal: AbortSignal): Promise<void> {
  const { amqpUrl: url, prefix } = fleet.options;
  const broker = createRabbitBroker({ url, connectionName: prefix, logger: silentLogger() });
  try {
    await broker.ready();
    await plan.publish({ fleet, ...run }, broker, signal);
  } finally {
    await broker.close();
  }
}

/** Acts until the signal aborts: when a dead letter is stored, or what is parked changes. */
async function operate(run: ChaosRun, plan: OrderedPlan, found: OrderedResult, signal: AbortSignal): Promise<void> {
  const { dataDir } = run.fleet;
  const open = (service: string) => openSqliteStore({ service, path: join(dataDir, `${service}.db`) });
  const [ops, store] = [await open('ops'), await open(WORKER)];
  const wakeup = new Wakeup();
  const wake = () => wakeup.notify();
  ops.onAppend(wake);
  store.onNotify(parkingTopic(WORKER), wake);
  signal.addEventListener('abort', wake);
  try {
    while (!signal.aborted) {
      found.parked = Math.max(found.parked, parkedIn(run));
      await plan.operate(run, found);
      if (!signal.aborted) await wakeup.wait(LOOK_INTERVAL_MS);
    }
  } finally {
    await ops.close();
    await store.close();
  }
}

/** Repeats what fails because the broker was killed. */
export async function despiteOutages(work: () => Promise<unknown>, broker?: Broker): Promise<void> {
  const limit = AbortSignal.timeout(120_000);
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      const isOutage =
        error instanceof FlotillaError ? error.code.startsWith('broker.') : /broker\./.test(String(error));
      if (!isOutage || limit.aborted) throw error;
      await broker?.ready(limit);
      await sleep(100, limit); // the broker may refuse messages for a moment after its start
    }
  }
}

/** Kills replicas at random times, or at the steps of `POINTS`, and starts them again; the last ones without such a step. */
async function killReplicas({ fleet, random }: ChaosRun, kills: number, found: OrderedResult): Promise<void> {
  const points = [...POINTS, 'partitions.passed'] as const;
  const armed = new Set<string>();
  for (let kill = 0; kill < kills; kill += 1) {
    const role = random.pick(REPLICAS);
    await fleet.process(role).kill();
    found.kills += 1;
    const point = random.chance(0.7) ? `${random.pick(points)}:${random.between(1, 8)}` : '';
    fleet.launch([role], { FLOTILLA_FAILPOINT: point });
    armed.add(role);
    await sleep(random.between(200, 2_500), AbortSignal.timeout(60_000));
    for (const down of REPLICAS.filter((each) => fleet.down.includes(each))) {
      found.kills += 1;
      fleet.launch([down]);
      armed.delete(down);
    }
  }
  for (const role of armed) {
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

/** The expected events that were not handled. */
function missing({ fleet }: ChaosRun, { expected }: OrderedPlan): string[] {
  const handled = new Set(handledBy(fleet.dataDir, WORKER).map(({ subject, count }) => `${subject} ${count}`));
  return [...expected()].flatMap(([subject, counts]) =>
    counts.map((count) => `${subject} ${count}`).filter((event) => !handled.has(event)),
  );
}

/** Throws unless each expected event was handled once, and those of each subject in their order. */
function check({ fleet }: ChaosRun, plan: OrderedPlan): void {
  const handled = handledBy(fleet.dataDir, WORKER);
  const wrong: string[] = [];
  for (const [subject, counts] of plan.expected()) {
    const found = handled.filter((each) => each.subject === subject).map(({ count }) => count);
    const at = Array.from(found.keys()).find((index) => found[index] !== counts[index]);
    if (at !== undefined) wrong.push(`${subject}: ${found[at]} in place of ${counts[at]}`);
    else if (found.length !== counts.length) wrong.push(`${subject}: ${found.length} handled of ${counts.length}`);
  }
  if (wrong.length > 0) throw new Error(`- ${wrong.slice(0, 40).join('\n- ')}`);
}

function total({ expected }: OrderedPlan): number {
  return [...expected().values()].reduce((sum, { length }) => sum + length, 0);
}

function parkedIn({ fleet }: ChaosRun): number {
  return withStore(fleet.dataDir, WORKER, (store) =>
    Number(store.prepare('select count(*) from flotilla_parked').pluck().get()),
  );
}

export interface DeadLetter {
  id: string;
  subject: string;
  code: string;
  message: string;
}

/** The stored dead letters, with the state `dead` only or with any. */
export function deadLettersIn({ fleet }: ChaosRun, state: 'dead' | 'any'): DeadLetter[] {
  return withStore(fleet.dataDir, 'ops', (store) =>
    store
      .prepare<[], DeadLetter & { state: string }>('select id, subject, code, message, state from dead_letters')
      .all()
      .filter((each) => state === 'any' || each.state === 'dead'),
  );
}

/** Edits the poisoned events among the dead letters, which replays them. */
export async function correctPoisoned(run: ChaosRun, found: OrderedResult): Promise<void> {
  for (const { id, code } of deadLettersIn(run, 'dead')) {
    if (code !== 'step.poisoned') continue;
    await despiteOutages(() => run.fleet.command('dead', 'edit', id, '--set', 'data.poison=false'));
    found.corrected += 1;
  }
}
